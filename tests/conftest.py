"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# a busy machine is slow, and that is no fault of what is tested
settings.register_profile("lmloop", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lmloop")
