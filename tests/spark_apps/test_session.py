"""Spark's settings: what is secret in them is hidden wherever Spark shows them."""

import re
from pathlib import Path

import pytest

from spark_apps.session import conf
from spark_apps.settings import Storage


@pytest.mark.parametrize("checkpoints", ["/checkpoints", "s3a://lake/checkpoints"])
def test_every_setting_with_a_secret_is_hidden(
    tmp_path: Path, checkpoints: str
) -> None:
    (tmp_path / "iceberg.jar").touch()
    secrets = {
        "catalog_password": "SAID-password",
        "s3_access_key": "SAID-access",
        "s3_secret_key": "SAID-secret",
    }
    told = conf(
        Storage(
            jars=tmp_path,
            warehouse="s3://lake/warehouse",
            catalog_uri="jdbc:postgresql://127.0.0.1:15432/catalog",
            catalog_user="catalog",
            s3_endpoint="http://127.0.0.1:18333",
            checkpoints=checkpoints,
            **secrets,
        )
    )

    holding = [name for name, value in told.items() if "SAID-" in value]
    assert len(holding) == (5 if checkpoints.startswith("s3a") else 3)
    hidden = re.compile(told["spark.redaction.regex"])
    assert [name for name in holding if not hidden.search(name)] == []
