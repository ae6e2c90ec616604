"""Lets the tests parse the DAGs without a database or a running Airflow."""

import os
import sys
import tempfile
from collections.abc import Iterator

import pytest

from schemas.table import ROOT

# Airflow reads its settings while it is imported: these come before any import of it.
os.environ.update(
    AIRFLOW_HOME=tempfile.mkdtemp(prefix="airflow-test-"),
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__DATABASE__CHECK_MIGRATIONS="False",
)
for name in ("BULLION_EXCHANGES", "BULLION_LANE_SECONDS"):
    os.environ.pop(name, None)
# The house rules: Airflow looks for `airflow_local_settings` on the path.
sys.path.insert(0, str(ROOT / "dags/config"))


@pytest.fixture(scope="session", autouse=True)
def folder_of_airflow() -> Iterator[None]:
    """Remove what Airflow wrote beside its settings."""
    yield
    import shutil

    shutil.rmtree(os.environ["AIRFLOW_HOME"])


@pytest.fixture
def token() -> str:
    """Return what the UI's cookie of a viewer holds; only its table is made."""
    from airflow import settings as airflow_settings
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.models.revoked_token import RevokedToken

    assert airflow_settings.engine is not None
    RevokedToken.metadata.create_all(
        airflow_settings.engine, tables=[RevokedToken.__table__]
    )
    user = SimpleAuthManagerUser(username="viewer", role="viewer")
    return str(create_auth_manager().generate_jwt(user))
