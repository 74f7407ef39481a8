"""Whether a test measured the server, or the client that was too slow for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lmloop.loadtest.clock import SECOND
from lmloop.loadtest.measures import Summary

MOST_LATE: Final = 0.005
MOST_BUSY: Final = 0.8
MORE: Final = "more --workers, cores of its own, or a machine of its own for the client"


@dataclass(frozen=True, slots=True)
class Client:
    """How the client itself did: busy share of its busiest process, lateness of its beat, its late start, its deaths.

    ``cpu`` is the CPU time in seconds of all processes together. ``cores`` has, for each process, the moments and the
    busy share of each half second.
    """

    busy: float = 0.0
    late: float = 0.0
    started_late: float = 0.0
    died: tuple[str, ...] = ()
    cpu: float = 0.0
    cores: Mapping[int, tuple[tuple[float, ...], tuple[float, ...]]] | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a test is not valid, and what to do about it."""

    what: str
    remedy: str


def client(ticks: Sequence[Sequence[Mapping[str, Any]]], window: tuple[float, float], late: int) -> Client:
    """Gather what the processes told of themselves, a list each, while the test was in its window."""
    busy, beats, cores = 0.0, list[int](), {}
    cpu = sum(row["cpu"] for rows in ticks for row in rows[1:])
    for number, rows in enumerate(ticks):
        # the first tick is that of the start, and a tick tells of the half second before it
        inside = [row for row in rows[1:] if row["t"] > window[0] and row["t"] - row["seconds"] < window[1]]
        spent, passed = sum(row["cpu"] for row in inside), sum(row["seconds"] for row in inside)
        busy = max(busy, spent / passed if passed else 0.0)
        beats += [beat for row in inside for beat in row["beats"]]
        shares = tuple(round(row["cpu"] / max(row["seconds"], 1e-9), 3) for row in rows[1:])
        cores[number] = (tuple(row["t"] for row in rows[1:]), shares)
    lateness = float(np.percentile(beats, 99)) / SECOND if beats else 0.0
    return Client(busy, lateness, late / SECOND, cpu=cpu, cores=cores)


def judge(summary: Summary, found: Client) -> tuple[Reason, ...]:
    """Give the reasons why a test is not valid; none, where it is."""
    reasons = []
    late = summary.spreads["late"]
    if late.p99 > MOST_LATE:
        told = f"requests went out late: p99 {1000 * late.p99:.1f} ms after the intended moment (5 ms is the most)"
        reasons.append(Reason(told, f"lower the rate, or give the client {MORE}"))
    if found.late > MOST_LATE:
        told = f"the client was asleep when it should have read: p99 {1000 * found.late:.1f} ms (5 ms is the most)"
        reasons.append(Reason(told, f"something else keeps the machine busy: give the client {MORE}"))
    if found.busy > MOST_BUSY:
        told = f"a core of the client was {100 * found.busy:.0f} % busy (80 % is the most)"
        reasons.append(Reason(told, f"use {MORE}"))
    if found.started_late > MOST_LATE:
        told = f"a measuring process began {1000 * found.started_late:.0f} ms late"
        reasons.append(Reason(told, "run it again; if it stays so, use fewer --workers or a less busy machine"))
    if found.died:
        reasons.append(Reason(f"a measuring process died: {'; '.join(found.died)}", "look for messages of the system"))
    if short := summary.endings.get("client", 0):
        told = f"{short} requests could not be sent: {summary.reasons.get('client', '')}"
        reasons.append(Reason(told, "raise the limit of open files (ulimit -n), or use a lower rate"))
    return tuple(reasons)
