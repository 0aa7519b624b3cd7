"""Settings that every test shares: one seed reproduces everything, and it is printed with the report."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, Phase, settings

settings.register_profile("dev", max_examples=30, deadline=None)
settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
# Whether there is any failure at all, the same way each time: nobody reads the example (tests/mutation).
settings.register_profile(
    "glance",
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Pick the profile: HYPOTHESIS_PROFILE, else ci where CI=true, else dev; and a seed where none was given."""
    chosen = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") == "true" else "dev")
    settings.load_profile(chosen)
    if chosen not in {"ci", "glance"} and config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(random.SystemRandom().randrange(2**32))


def pytest_report_header(config: pytest.Config) -> str:
    """The line that makes a failure reproducible."""
    seed = config.getoption("hypothesis_seed", None)
    profile = settings.get_current_profile_name()
    again = f"--hypothesis-seed={seed}" if seed is not None else "derandomized"
    return f"hypothesis profile {profile}, {again}"
