"""The DAG `watch` runs the real command; Airflow's own notifiers send its alerts."""

import json
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException, ParamValidationError

from dags.factory.watching import LookJob
from schemas.table import ROOT
from tests.query.receiver import receiver
from tests.query.watch.test_look import CLOSED, looks

CONNECTION = "AIRFLOW_CONN_SMTP_DEFAULT"
SECRET = "T0KEN-of-the-receiver"


@pytest.fixture(scope="module")
def dag() -> DAG:
    folder = ROOT / "dags"
    bag = BundleDagBag(folder, bundle_path=folder, bundle_name="test")
    return bag.dags["watch"]


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    """A lake whose catalog is away, so that a look is blind."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "TZ": "UTC",
        "BULLION_ALERTS": str(tmp_path / "alerts"),
        "BULLION_BACKUPS": str(tmp_path / "backups"),
        "BULLION_CATALOG": "127.0.0.1:1/catalog",
        "BULLION_CATALOG_USER": "catalog",
        "BULLION_CATALOG_PASSWORD": "pa55-of-the-catalog",
        "BULLION_S3_ENDPOINT": "http://127.0.0.1:1",
        "BULLION_S3_ACCESS_KEY": "access-key",
        "BULLION_S3_SECRET_KEY": "secret-key",
        "BULLION_S3_REGION": "us-east-1",
        "BULLION_WAREHOUSE": "s3://lake/warehouse",
        "BULLION_KAFKA_SERVERS": "127.0.0.1:1",
        "BULLION_CHECKPOINTS": str(tmp_path / "checkpoints"),
        "BULLION_GATES": str(tmp_path / "gates"),
        "BULLION_AIRFLOW_URL": "http://127.0.0.1:1",
        "BULLION_AIRFLOW_PASSWORDS": str(tmp_path / "passwords.json"),
    }


def job(dag: DAG) -> LookJob:
    task = dag.get_task("look")
    assert isinstance(task, LookJob)
    return task


def command(dag: DAG, env: Mapping[str, str], test: bool) -> Any:
    """Run what the DAG's task runs, with its template rendered."""
    task = job(dag)
    context = {"params": {"test": test}}
    words = task.render_template(task.bash_command, context)  # type: ignore[arg-type]
    return subprocess.run(
        ["bash", "-c", str(words)], env=dict(env), capture_output=True, text=True
    )


def test_the_task_sends_a_test_alert_that_shows_no_secret(
    dag: DAG, env: dict[str, str]
) -> None:
    with receiver() as hook:
        done = command(dag, env | {"BULLION_ALERT_WEBHOOK": hook.url}, test=True)
        hook.status = 500
        again = command(dag, env | {"BULLION_ALERT_WEBHOOK": hook.url}, test=True)

    assert (done.returncode, again.returncode) == (0, 1)
    assert [each["event"] for each in hook.bodies] == ["test"]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "test": {"log": "", "webhook": ""}
    }
    assert "webhook: 127.0.0.1 answered 500" in again.stdout
    assert SECRET not in done.stdout + done.stderr + again.stdout + again.stderr


def test_a_catalog_that_is_away_is_told_of_and_is_no_silent_red_square(
    dag: DAG, env: dict[str, str]
) -> None:
    with receiver() as hook:
        mine = env | {
            "BULLION_ALERT_WEBHOOK": hook.url,
            "BULLION_WATCH_OPEN_AFTER_S": "0",
        }
        done = command(dag, mine, test=False)

    assert done.returncode == 1
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["blind"] and report["open"] == ["watch_blind:"]
    (told,) = hook.bodies
    assert "the watch cannot look: OperationalError" in told["text"]
    for each in (done.stdout, done.stderr, json.dumps(told)):
        assert SECRET not in each and "pa55" not in each


def test_the_task_has_nothing_secret_in_what_airflow_renders(dag: DAG) -> None:
    task = job(dag)
    rendered = {name: getattr(task, name) for name in task.template_fields}

    assert not task.env and "BULLION" not in str(rendered)
    assert task.retries == 0 and dag.max_active_runs == 1


@pytest.mark.parametrize("hostile", ["; id", "--test; id", 1, None])
def test_a_form_cannot_put_words_into_the_command(dag: DAG, hostile: object) -> None:
    with pytest.raises(ParamValidationError):
        dag.params.get_param("test").resolve(hostile)  # type: ignore[union-attr]


def test_a_stack_that_has_just_begun_is_not_looked_at(
    dag: DAG, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_HOME", str(tmp_path))
    (tmp_path / "run").mkdir()
    (tmp_path / "run/supervisord.pid").touch()

    with pytest.raises(AirflowSkipException, match="just begun"):
        job(dag).execute({"params": {"test": False}})  # type: ignore[typeddict-item]


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs that sends one mail."""

    came: list[str] = []

    def handle(self) -> None:
        self.say("220 here")
        while words := self.rfile.readline().decode().strip():
            if words.upper() == "DATA":
                self.say("354 go on")
                body = iter(self.rfile.readline, b".\r\n")
                self.came.append(b"".join(body).decode())
            self.say("221 bye" if words.upper() == "QUIT" else "250 fine")
            if words.upper() == "QUIT":
                return

    def say(self, words: str) -> None:
        self.wfile.write(words.encode() + b"\r\n")


@contextmanager
def mailbox() -> Iterator[tuple[int, list[str]]]:
    Mail.came = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], Mail.came
        server.shutdown()


def by_mail(port: int, **arguments: str) -> dict[str, str]:
    """Return the settings that docs/alerts.md names, for a server without TLS."""
    extra = {"disable_ssl": True, "disable_tls": True, "retry_limit": 1}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port}
    return {
        "BULLION_NOTIFIER": "dags.factory.airflow_notifier:ByAirflow",
        "BULLION_AIRFLOW_NOTIFIER": (
            "airflow.providers.smtp.notifications.smtp:SmtpNotifier"
        ),
        "BULLION_AIRFLOW_NOTIFIER_ARGUMENTS": json.dumps(arguments),
        CONNECTION: json.dumps(connection | {"extra": extra}),
    }


ARGUMENTS = {
    "to": "night@example.com",
    "from_email": "bullion@example.com",
    "subject": "{{ title }}",
    "html_content": "<pre>{{ text }}</pre>",
}


def test_airflows_own_notifier_sends_an_alert_as_mail_once(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with mailbox() as (port, came):
        mine = by_mail(port, **ARGUMENTS)
        monkeypatch.setenv(CONNECTION, mine[CONNECTION])
        report = looks(env | mine, CLOSED, CLOSED, CLOSED)

    assert report["undelivered"] == []
    (mail,) = map(message_from_string, came)
    assert mail["Subject"] == "[bullion] lane_closed acme: opened"
    assert mail["To"] == "night@example.com"
    page, *_ = [part for part in mail.walk() if not part.is_multipart()]
    assert b"release_lane" in bytes(page.get_payload(decode=True))  # type: ignore


def test_mail_goes_out_from_the_process_that_the_task_starts(
    dag: DAG, env: dict[str, str], tmp_path: Path
) -> None:
    with mailbox() as (port, came):
        mine = env | by_mail(port, **ARGUMENTS)
        home = {"AIRFLOW_HOME": str(tmp_path / "airflow")}
        done = command(dag, mine | home, test=True)

    assert done.returncode == 0, done.stdout + done.stderr
    (mail,) = map(message_from_string, came)
    assert mail["Subject"] == "[bullion] test"


def test_a_mail_that_is_not_taken_waits(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = by_mail(1, to="a@example.com")
    monkeypatch.setenv(CONNECTION, mine[CONNECTION])
    report = looks(env | mine, CLOSED, CLOSED)

    (owed,) = report["undelivered"]
    assert owed["notices"] == 1 and owed["error"]
