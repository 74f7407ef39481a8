"""What holds for all tests."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# a busy machine is slow, and that is no fault of what is tested
settings.register_profile("lmloop", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lmloop")

# a shell's background jobs ignore ctrl-C, and so would all processes that tests start and then interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)

# what kernels are called with here must be compiled when the package is built: each process adds what is not
os.environ.setdefault("LMLOOP_KERNELS_LACKS", str(Path(tempfile.mkdtemp(), "lacks.txt")))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a kernel was called with arguments that are not listed."""
    from lmloop.kernels.compiling.listing import unlisted

    lacks = Path(os.environ["LMLOOP_KERNELS_LACKS"])
    if hasattr(session.config, "workerinput") or not lacks.exists():
        return
    missing = unlisted(lacks.read_text(encoding="utf-8").splitlines())
    if missing:
        print("\n".join(["", "kernels without a signature:", *missing]))  # noqa: T201
        print(f"add them: python -m lmloop.kernels.compiling.listing {lacks}")  # noqa: T201
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch use one thread: small tensors are slower on two, and tests share the cores."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
