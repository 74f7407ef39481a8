"""Whole load tests, small ones, against the built-in server."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lmloop.core.errors import LmloopError
from lmloop.core.run import Run, run
from lmloop.loadtest.schedule import share

FAST = {"ttft": 0.03, "itl": 0.005}


def bench(home: Path, seed: int = 3, **more: Any) -> tuple[Run, dict[str, Any]]:
    step = {"id": "b", "use": "bench", "url": "demo", "server": FAST, **more}
    made = run({"name": "t", "seed": seed, "step": [step]}, home, workers=2)["b"]
    return made, json.loads((made.path / "load.json").read_bytes())


def rows(made: Run) -> list[dict[str, Any]]:
    return list(pq.read_table(made.path / "requests.parquet").to_pylist())


def test_known_delays_are_found(tmp_path: Path) -> None:
    load = {"rate": 30, "requests": 30, "arrivals": "constant"}
    made, told = bench(tmp_path, load=load, prompts={"output": "8"}, limits=["ttft=10s", "latency=1ms"])
    (test,) = told["tests"]
    assert test["endings"] == {"ok": 30}
    times = test["times"]
    assert 0.029 < times["ttft"]["p50"] < 0.2
    assert times["ttft"]["p50"] <= times["ttft_intended"]["p50"]
    assert times["itl"]["mean"] == pytest.approx(0.005, abs=0.004)
    assert times["itl"]["count"] == 30 * 7
    assert test["tokens_from_usage"] == 1
    assert test["missed"] == ["latency p99 <= 1 ms"]
    assert test["good"] == 0
    assert test["server_ttft"]["count"] == 30
    # the client stamps no part before the server wrote it
    assert all(s > w for row in rows(made) for s, w in zip(row["stamps"], row["written"], strict=True))
    assert told["calibration"]["client"]["itl"]["p50"] < 0.005
    assert not list(made.path.glob("work/*"))


def test_the_schedule_is_that_of_the_seed_and_can_be_played_again(tmp_path: Path) -> None:
    load = {"rate": 40, "duration": 0.4, "arrivals": "gamma", "burstiness": 0.5}
    first, _ = bench(tmp_path / "a", load=load, prompts={"output": "1..3", "filler": "zh"})
    again, _ = bench(tmp_path / "b", load={**load, "users": 0}, prompts={"output": "1..3", "filler": "zh"}, take=2)
    other, _ = bench(tmp_path / "c", seed=4, load=load, prompts={"output": "1..3", "filler": "zh"})
    schedules = [(made.path / "schedule.jsonl").read_bytes() for made in (first, again, other)]
    assert schedules[0] == schedules[1] != schedules[2]
    played, _ = bench(tmp_path / "d", schedule=str(first.path / "schedule.jsonl"))
    assert (played.path / "schedule.jsonl").read_bytes() == schedules[0]
    asked = {place: round(session.at or 0, 6) for place, session in share(first.path / "schedule.jsonl", 0, 1)}
    assert {row["session"]: round(row["intended"] / 1e9, 6) for row in rows(played)} == asked


def test_users_wait_for_replies_and_conversations_hold_them(tmp_path: Path) -> None:
    made, told = bench(tmp_path, load={"users": 3, "requests": 6}, prompts={"turns": 2, "output": 3, "input": 4})
    found = rows(made)
    assert told["tests"][0]["endings"] == {"ok": 12}
    by_session = {(row["session"], row["turn"]): row for row in found}
    for session in range(6):
        first, second = by_session[session, 0], by_session[session, 1]
        assert second["intended"] >= first["ended"]
        # four words, the reply's three, four more
        assert (first["prompt_tokens"], second["prompt_tokens"]) == (4, 11)
    moments = sorted((moment, change) for row in found for moment, change in ((row["sent"], 1), (row["ended"], -1)))
    open_ = [sum(change for _, change in moments[: place + 1]) for place in range(len(moments))]
    assert max(open_) <= 3


def test_whole_replies_completions_ids_files_and_patience(tmp_path: Path) -> None:
    few = {"rate": 50, "requests": 4, "arrivals": "constant"}
    _, told = bench(tmp_path / "a", load=few, api="completions", request={"stream": False}, prompts={"filler": "ids"})
    assert told["tests"][0]["endings"] == {"ok": 4}
    assert told["tests"][0]["times"]["ttft"]["count"] == 0
    (tmp_path / "chats.jsonl").write_text('{"text": "你好 there"}\n', encoding="utf-8")
    made, _ = bench(tmp_path / "b", load=few, files=[str(tmp_path / "chats.jsonl")], prompts={"output": 2})
    assert {row["prompt_tokens"] for row in rows(made)} == {2}
    patience = {"cancel": 0.5, "patience": 0.01}
    _, told = bench(tmp_path / "c", load=few, request=patience)
    assert told["tests"][0]["endings"] == {"ok": 2, "cancelled": 2}
    _, told = bench(tmp_path / "d", load=few, request={"timeout": 0.01})
    assert told["tests"][0]["endings"] == {"timeout": 4}


def test_a_sweep_finds_what_the_slots_allow(tmp_path: Path) -> None:
    # four slots of 0.1 s each: 40 a second
    step = {"server": {"ttft": 0.1, "itl": 0.001, "slots": 4}, "prompts": {"output": "1"}}
    load = {"duration": 1.2, "arrivals": "constant"}
    sweep = {"start": 20, "close": 2}
    made, told = bench(tmp_path, load=load, sweep=sweep, limits=["ttft=400ms"], **step)
    assert 20 <= told["highest_rate"] <= 60
    assert told["lowest_failed"] > 40
    assert len(list(made.path.glob("schedule-*.jsonl"))) == len(told["tests"])
    assert {row["run"] for row in rows(made)} == {test["run"] for test in told["tests"]}


CODE = """
import sys
from lmloop.faces.cli import main
sys.argv = ["lmloop", "bench", "--demo", "--rate", "20", "--duration", "60s", "--output", "2", "--home", sys.argv[1]]
main()
"""


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_what_was_measured_before_a_kill_is_kept(tmp_path: Path, how: signal.Signals, code: int) -> None:
    # a shell that starts in the background may have told its children to ignore Ctrl-C
    signals = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **signals
    )
    until = time.monotonic() + 60
    while sum(log.stat().st_size for log in tmp_path.glob("bench-*.part/work/run-000/*.log")) < 3000:
        assert time.monotonic() < until, "nothing was measured"
        time.sleep(0.05)
    os.kill(process.pid, how)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err.decode()
    if how == signal.SIGKILL:
        rescue(tmp_path)
    else:
        assert b"PARTIAL" in out
    (made,) = [path for path in tmp_path.glob("bench-*") if (path / "run.json").exists()]
    told = json.loads((made / "load.json").read_bytes())
    assert told["partial"]
    assert told["tests"][0]["endings"]["ok"] > 3


def rescue(home: Path) -> None:
    """Carry out the same step again: it does not measure, but keeps what is there."""
    step = {"id": "bench", "use": "bench", "url": "demo", "take": 1, "load": {"rate": "20", "duration": "60s"}}
    begun = time.monotonic()
    run({"name": "bench", "step": [{**step, "prompts": {"output": "2"}}]}, home, workers=2)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"load": {"rate": "fast"}}, "no rates"),
        ({"load": {"warm_up": 3, "cool_down": 3, "duration": 5}}, "leave nothing"),
        ({"load": {"burstiness": 2}}, "gamma"),
        ({"limits": ["speed=1s"]}, "no limit"),
        ({"prompts": {"filler": "ids"}}, "completions"),
        ({"sweep": {}, "load": {"users": 3}}, "sweep"),
        ({"url": "http://somewhere:1", "calibrate": True}, "known delays"),
        ({"url": "ftp://somewhere"}, "no URL"),
        ({"url": "http://me:secret@somewhere"}, "no name, password"),
    ],
)
def test_what_cannot_be_asked_for(tmp_path: Path, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(LmloopError, match=words) as told:
        bench(tmp_path, **settings)
    assert "secret" not in told.value.message
