"""Callbacks come in the order of their moments, never before them."""

import asyncio

import pytest

from lmloop.loadtest import clock
from lmloop.loadtest.clock import Timer, now


@pytest.mark.parametrize("kernel", [True, False])
def test_callbacks_come_in_order_and_not_too_early(kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kernel:
        monkeypatch.setattr(clock.sys, "platform", "other")

    async def play() -> list[tuple[int, int]]:
        timer, start, rung = Timer(asyncio.get_running_loop()), now(), list[tuple[int, int]]()

        def ring(after: int) -> None:
            rung.append((after, now() - start))

        for after in (30, 10, 20, 0, 10):
            timer.at(start + after * 1_000_000, lambda after=after: ring(after))
        await timer.until(start + 45 * 1_000_000)
        await timer.until(start)
        return rung

    rung = asyncio.run(play())
    assert [after for after, _ in rung] == [0, 10, 10, 20, 30]
    assert all(at >= after * 1_000_000 for after, at in rung)
