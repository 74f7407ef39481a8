"""What holds for all tests."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# a busy machine is slow, and that is no fault of what is tested
settings.register_profile("lmloop", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lmloop")

# a shell's background jobs ignore ctrl-C, and so would all processes that tests start and then interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch use one thread: small tensors are slower on two, and tests share the cores."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
