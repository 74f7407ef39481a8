from hypothesis import settings

# What a kernel is compiled in is charged to the first example that calls it.
settings.register_profile("ops", deadline=None)
settings.load_profile("ops")
