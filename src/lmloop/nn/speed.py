"""What the machine can do: matrix products at their best, and which precision and threads a model is fastest with."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from statistics import median
from typing import Any

import torch

from lmloop.core.rows import Rows
from lmloop.nn.learner import Learner
from lmloop.nn.shape import Shape
from lmloop.nn.training import Computing, Precision

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
GAIN = 1.1
"""Another way of computing must be this much faster to be taken: what is nearly equal should not change by chance."""

HOPELESS = 4.0
"""A precision is given up once a pass takes so many times as long as another: bfloat16 does on many CPUs."""

WORTH_COMPILING = {"cpu": 900.0, "cuda": 120.0}
"""So many seconds must a training take for compiling to pay: on a CPU it costs half a minute and gives a fifth."""


def cast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Give the context to compute in: weights stay in float32, products are in bfloat16 if so wanted."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def peak_flops(precision: str, device: torch.device, seconds: float = 0.4) -> float:
    """Measure the floating-point operations a second of large matrix products: the best of some."""
    size = 8192 if device.type == "cuda" else 1024
    chance = torch.Generator(device).manual_seed(0)  # the process's own numbers are the training's
    a = torch.randn(size, size, device=device, generator=chance).to(TYPES[precision])
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end or not best:
        spent = timed(lambda: a @ a, device)
        best = max(best, 2 * size**3 / spent)
    return best


def timed(work: Callable[[], Any], device: torch.device) -> float:
    """Give the seconds that some work takes."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return max(time.perf_counter() - start, 1e-9)


def choose(learner: Learner, rows: Rows, computing: Computing, device: torch.device) -> Computing:
    """Fill in what is ``auto`` by trying: some forward and backward passes each way; weights do not change.

    Precisions are compared by the processor time of one thread, which other work on the machine does not disturb.
    Threads are compared by the clock: all that the process may use, or one; where others compute, too, threads that
    wait for each other can be several times slower than one.
    """
    if device.type == "cuda":
        return settled(computing, device)
    precision: Precision = computing.precision
    most = computing.threads or computing.most_threads or cores()
    torch.set_num_threads(1)
    if precision == "auto":
        full = _pass_seconds(learner, rows, "fp32", time.process_time)
        half = _pass_seconds(learner, rows, "bf16", time.process_time, HOPELESS * full)
        precision = "bf16" if half * GAIN < full else "fp32"
    threads = most
    if not computing.threads and most > 1:
        one = _pass_seconds(learner, rows, precision, time.perf_counter)
        torch.set_num_threads(most)
        many = _pass_seconds(learner, rows, precision, time.perf_counter)
        threads = most if many * GAIN < one else 1
    # how many there might have been is no part of the result
    return replace(computing, precision=precision, threads=threads, most_threads=0)


@contextmanager
def one_thread() -> Iterator[None]:
    """While open, torch uses one thread: for small matrices, waking others costs more than they help."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def settled(computing: Computing, device: torch.device) -> Computing:
    """Fill in what is ``auto`` without trying: bfloat16 where a GPU has it, and one thread."""
    able: Precision = "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    precision = able if computing.precision == "auto" else computing.precision
    return replace(computing, precision=precision, threads=computing.threads or 1, most_threads=0)


def micro_rows(shape: Shape, context: int, device: torch.device) -> int:
    """Work out how many rows at once fit well: activations of about a gigabyte, or of a third of a GPU's memory."""
    room = torch.cuda.get_device_properties(device).total_memory / 3 if device.type == "cuda" else 1 << 30
    token = shape.layers * (8 * shape.width + 3 * shape.hidden) * 4 + 3 * 4 * min(shape.vocabulary, 16_384)
    return max(1, int(room / (token * context)))


def apply(computing: Computing, device: torch.device) -> None:
    """Compute as was chosen earlier."""
    if device.type == "cpu":
        torch.set_num_threads(min(computing.threads, max(cores(), 1)))
    else:
        torch.set_float32_matmul_precision("high")


def pays(computing: Computing, seconds: float, device: torch.device) -> bool:
    """Say whether to compile, for a training that would take so many seconds without."""
    if computing.compile != "auto":
        return computing.compile == "on"
    able = device.type == "cuda" or shutil.which("g++") is not None
    return able and seconds > WORTH_COMPILING[device.type]


def cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def devices() -> int:
    """Count the devices to train on: the GPUs, or one."""
    return max(1, torch.cuda.device_count())


def _pass_seconds(
    learner: Learner, rows: Rows, precision: str, clock: Callable[[], float], most: float = float("inf")
) -> float:
    """Give the middle one of three forward and backward passes, after one to get warm.

    Once one takes longer than ``most`` seconds there are no more, and its time is given.
    """
    arguments = learner.arguments(rows, torch.device("cpu"))
    seconds = []
    for _ in range(4):
        start = clock()
        with cast(precision, torch.device("cpu")):
            loss, _ = learner(*arguments)
        loss.backward()
        learner.zero_grad(set_to_none=True)
        seconds.append(clock() - start)
        if seconds[-1] > most:
            return seconds[-1]
    return median(seconds[1:])
