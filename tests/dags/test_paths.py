"""A member of the UI gets the pages of ours, and no other file of the machine."""

from pathlib import Path
from types import ModuleType

import pytest
from fastapi.testclient import TestClient

from tests.dags.test_data_docs_plugin import plugin as data_docs
from tests.dags.test_lakehouse_plugin import plugin as lakehouse

__all__ = ["data_docs", "lakehouse"]
OUTWARDS = (
    "/..%2fsecrets.json",
    "/%2e%2e/secrets.json",
    "/%2e%2e%2fsecrets.json",
    "/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "//etc/passwd",
    "/%2fetc%2fpasswd",
    "/..%5csecrets.json",
    "/vendor/..%2f..%2fsecrets.json",
    "/index.html%00.txt",
    "/%00",
    "/" + "A" * 5000,
    "/out/secrets.json",
    "/../dags/plugins/lakehouse_plugin.py",
    "/..%2flakehouse_plugin.py",
)


@pytest.fixture
def members(data_docs: ModuleType, token: str, tmp_path: Path) -> TestClient:
    """The Data Docs, with a secret beside them and a link that leads out."""
    (tmp_path / "secrets.json").write_text("root: secret import")
    (tmp_path / "DATA_DOCS/out").symlink_to(tmp_path)
    return TestClient(data_docs.app, cookies={"_token": token})


@pytest.mark.parametrize("path", OUTWARDS, ids=lambda path: path[:30])
def test_no_path_leads_out_of_the_data_docs(members: TestClient, path: str) -> None:
    assert members.get("/index.html").text == "for members"

    answer = members.get(path)

    assert answer.status_code in (400, 404)
    assert "secret" not in answer.text and "root:" not in answer.text


@pytest.mark.parametrize("path", OUTWARDS, ids=lambda path: path[:30])
def test_no_path_leads_out_of_the_lakehouse_page(
    lakehouse: ModuleType, token: str, path: str
) -> None:
    client = TestClient(lakehouse.app, cookies={"_token": token})
    assert client.get("/index.html").status_code == 200

    answer = client.get(path)

    assert answer.status_code in (400, 404)
    assert "import" not in answer.text and "root:" not in answer.text


@pytest.mark.parametrize("how", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/api/page", "/index.html", "/"])
def test_nothing_of_ours_can_be_written(
    lakehouse: ModuleType, members: TestClient, token: str, how: str, path: str
) -> None:
    client = TestClient(lakehouse.app, cookies={"_token": token})

    assert client.request(how, path, content="x").status_code == 405
    if path != "/api/page":
        assert members.request(how, path, content="x").status_code == 405


def test_what_is_asked_beside_the_figures_is_not_read(
    lakehouse: ModuleType, token: str
) -> None:
    client = TestClient(lakehouse.app, cookies={"_token": token})
    hostile = {"exchange": "'; DROP TABLE t; --", "limit": "../../etc/passwd"}
    answer = client.get("/api/page", params=hostile)

    assert answer.status_code in (202, 503)
    assert "DROP" not in answer.text and "passwd" not in answer.text
