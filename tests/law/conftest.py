"""Settings of the property tests: fresh cases in every run, and a failure prints how to repeat it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.law.stores import Stores

settings.register_profile(
    "law",
    deadline=None,
    derandomize=False,
    print_blob=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile("law")


@pytest.fixture(params=["sqlite", "redis"], scope="module")
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Stores over one registry and one online store of each kind."""
    folder = tmp_path_factory.mktemp("stores")
    online = f"sqlite:///{folder}/online.db"
    if request.param == "redis":
        online = request.getfixturevalue("redis_server").url
    return Stores(folder, online)
