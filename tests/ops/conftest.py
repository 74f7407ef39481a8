import pytest
from hypothesis import settings

from lmloop.kernels.warm import warm

# What a kernel is compiled in is charged to the first example that calls it.
settings.register_profile("ops", deadline=None)
settings.load_profile("ops")


@pytest.fixture(autouse=True, scope="session")
def compiled_kernels():
    warm()
