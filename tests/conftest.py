"""Settings shared by all tests."""

from hypothesis import settings

# Fixed examples keep the suite repeatable; no deadline, because a busy machine is not a bug.
settings.register_profile("cadrage", deadline=None, derandomize=True, database=None)
settings.load_profile("cadrage")
