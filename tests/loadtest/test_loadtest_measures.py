"""Numbers that can be worked out by hand, and the same with plain loops."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lmloop.loadtest.amounts import limit
from lmloop.loadtest.measures import Requests, Summary, load, summarize
from lmloop.loadtest.table import SCHEMA, write
from lmloop.loadtest.verdict import Client, client, judge

MS = 1_000_000


def row(at: int, parts: list[int], late: int = 0, how: str = "ok", end: int = 0, **more: object) -> dict[str, object]:
    """Make a request; all in ms: intended at ``at``, sent ``late`` after that, parts so long after the send."""
    sent = at + late
    done = sent + (end or (parts[-1] if parts else 0))
    told = dict.fromkeys(SCHEMA.names)
    moments = {"intended": at, "begun": sent, "sent": sent, "ended": done}
    told |= {name: value * MS for name, value in moments.items()}
    stamps = [(sent + part) * MS for part in parts]
    told |= {"run": 0, "session": at, "stamps": stamps, "written": [], "ending": how, "why": "", "tokens": len(parts)}
    return {**told, "counted": "usage", "prompt_tokens": 10, **more}


def table(path: Path, rows: list[dict[str, object]]) -> Requests:
    write(path / "t.parquet", [pa.RecordBatch.from_pylist(rows, SCHEMA)])
    return load(path / "t.parquet", 0)


def summary(
    path: Path, rows: list[dict[str, object]], *limits: str, window: tuple[float, float] = (0, np.inf)
) -> Summary:
    return summarize(table(path, rows), window, [limit(told) for told in limits])


def test_times_of_a_request(tmp_path: Path) -> None:
    found = summary(tmp_path, [row(0, [100, 120, 160], late=4, end=170)])
    times = {name: spread.median for name, spread in found.spreads.items()}
    expected = {
        "ttft": 100,
        "ttft_intended": 104,
        "tpot": 30,
        "latency": 170,
        "latency_intended": 174,
        "late": 4,
        "itl": 30,
    }
    assert {name: round(1000 * value, 6) for name, value in times.items()} == expected
    assert found.spreads["itl"].count == 2


def test_what_failed_is_counted_and_has_no_times(tmp_path: Path) -> None:
    rows = [
        row(0, [10, 20]),
        row(1, [500], how="timeout"),
        row(2, [], how="http-500", why="oops"),
        row(3, [], how="cancelled"),
    ]
    found = summary(tmp_path, rows)
    assert found.endings == {"ok": 1, "timeout": 1, "http-500": 1, "cancelled": 1}
    assert found.reasons["http-500"] == "oops"
    assert found.failed == 0.5
    assert found.spreads["ttft"].count == 1


def test_only_the_window_counts(tmp_path: Path) -> None:
    rows = [row(1000 * second, [100, 200], late=0) for second in range(10)]
    found = summary(tmp_path, rows, window=(2.0, 8.0))
    assert found.total == 6
    assert found.offered == pytest.approx(1.0)
    assert found.requests == pytest.approx(1.0)
    assert found.tokens == pytest.approx(2.0)
    assert found.prompt_tokens == pytest.approx(10.0)


def test_tokens_are_the_servers_even_where_a_part_holds_several(tmp_path: Path) -> None:
    found = summary(tmp_path, [row(0, [100, 200], tokens=11, end=1000)])
    assert found.tokens == pytest.approx(11.0)
    assert found.spreads["tpot"].median == pytest.approx(0.01)
    assert found.tokens_a_part == 5.5


def test_goodput_is_what_keeps_to_all_limits(tmp_path: Path) -> None:
    rows = [row(0, [100, 110, 120]), row(0, [100, 180, 190]), row(0, [400, 410, 420]), row(0, [100], how="closed")]
    found = summary(tmp_path, rows, "ttft=300ms", "itl=50ms")
    assert found.good == 0.25
    assert found.missed == ("ttft p99 <= 300 ms", "itl p99 <= 50 ms")
    assert summary(tmp_path, rows, "ttft:p50=300ms", "itl:p50=50ms").missed == ()


def test_a_growing_queue_is_seen(tmp_path: Path) -> None:
    steady = [row(100 * place, [50]) for place in range(100)]
    growing = [row(100 * place, [100 * place]) for place in range(100)]
    assert summary(tmp_path, steady).kept_up == pytest.approx(1.0, abs=0.03)
    assert summary(tmp_path, growing).kept_up == pytest.approx(0.5, abs=0.03)


def test_gaps_are_those_of_plain_loops(tmp_path: Path) -> None:
    chance = np.random.default_rng(7)
    rows = []
    for place in range(60):
        parts = np.cumsum(chance.integers(1, 90, chance.integers(0, 7))).tolist()
        rows.append(row(place, parts, how="ok" if parts else "empty"))
    found = table(tmp_path, rows)
    gaps = []
    for each in rows:
        if each["ending"] == "ok":
            gaps += [after - before for before, after in pairwise(each["stamps"])]  # type: ignore[call-overload]
    spread = summarize(found, (0, np.inf), []).spreads["itl"]
    plain = [gap / 1e9 for gap in gaps]
    assert spread.count == len(plain)
    assert spread.p99 == pytest.approx(np.percentile(plain, 99))


def test_a_run_without_requests_has_no_numbers(tmp_path: Path) -> None:
    found = summary(tmp_path, [row(0, [], how="refused")])
    assert found.failed == 1.0
    assert np.isnan(found.spreads["ttft"].median)


def verdicts(found: Summary, seen: Client) -> str:
    return " ".join(reason.what for reason in judge(found, seen))


def test_the_verdict_names_what_was_wrong_with_the_client(tmp_path: Path) -> None:
    fine = summary(tmp_path, [row(place, [100]) for place in range(50)])
    late = summary(tmp_path, [row(place, [100], late=9) for place in range(50)])
    short = replace(fine, endings={"ok": 49, "client": 1}, reasons={"client": "too many open files"})
    assert judge(fine, Client(0.5, 0.001)) == ()
    assert "requests went out late: p99 9.0 ms" in verdicts(late, Client())
    assert "asleep" in verdicts(fine, Client(late=0.02))
    assert "93 % busy" in verdicts(fine, Client(busy=0.93))
    assert "began 40 ms late" in verdicts(fine, Client(started_late=0.04))
    assert "died" in verdicts(fine, Client(died=("process 1 ended with -9",)))
    assert "too many open files" in verdicts(short, Client())


def test_how_busy_the_client_was_is_that_of_its_busiest_process_in_the_window() -> None:
    def tick(at: float, cpu: float, beats: list[int]) -> dict[str, object]:
        return {"t": at, "seconds": 0.5, "cpu": cpu, "beats": beats}

    lazy = [tick(0, 9, []), *(tick(at / 2, 0.05, [1000]) for at in range(1, 9))]
    busy = [tick(0, 9, []), *(tick(at / 2, 0.45 if at > 4 else 0.1, [2000]) for at in range(1, 9))]
    assert client([lazy, busy], (0, 4), 0).busy == pytest.approx(0.55)
    found = client([lazy, busy], (2, 4), 3 * MS)
    assert found.busy == pytest.approx(0.9)
    assert found.started_late == pytest.approx(0.003)
    assert found.late == pytest.approx(2e-6)
