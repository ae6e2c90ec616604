"""The environment of every program, made from the place and its secrets."""

import base64
import json
import os

from schemas.exchange import usual_exchanges
from stack import profile, secrets
from stack.place import REPO, Place

LOCAL = "127.0.0.1"


def feed(place: Place) -> dict[str, str]:
    """Return what the last `up` was told to listen to."""
    file = place.home / "feed.json"
    told: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    return {"feed": "simulated"} | told


def exchanges(place: Place) -> tuple[str, ...]:
    """Return the exchanges that were asked for, or those captured usually."""
    text = place.settings.get("BULLION_EXCHANGES", "") or feed(place).get(
        "exchanges", ""
    )
    return tuple(text.replace(",", " ").split()) or usual_exchanges()


def environment(place: Place) -> dict[str, str]:
    """Return the whole environment in which the stack's programs run."""
    told = inherited() | bullion(place)
    # A line that was uncommented and left empty asks for what is usual.
    asked = {name: value for name, value in place.settings.items() if value}
    asked.pop("BULLION_HOME", None)  # it may be relative; the place knows it whole
    return told | airflow(place) | asked | exchange_urls(place)


def inherited() -> dict[str, str]:
    """Return what the programs may know of the caller's environment."""
    hidden = ("BULLION_", "AIRFLOW", "PYTHON", "VIRTUAL_ENV", "SPARK_", "JAVA_")
    return {k: v for k, v in os.environ.items() if not k.startswith(hidden)}


def bullion(place: Place) -> dict[str, str]:
    secret, port = secrets.kept(place), place.ports
    spark = place.envs / "spark/bin"
    return {
        "BULLION_HOME": str(place.home),
        # By this one, and by no other, `down` knows whom it may end.
        "BULLION_STACK": str(place.home),
        "BULLION_SCRATCH": str(place.scratch),
        "BULLION_EXCHANGES": ",".join(exchanges(place)),
        "BULLION_KAFKA_SERVERS": f"{LOCAL}:{port['KAFKA']}",
        "BULLION_REGISTRY_URL": f"http://{LOCAL}:{port['REGISTRY']}/apis/ccompat/v7",
        "BULLION_CATALOG": f"{LOCAL}:{port['POSTGRES']}/catalog",
        "BULLION_CATALOG_USER": "catalog",
        "BULLION_CATALOG_PASSWORD": secret["catalog"],
        "BULLION_S3_ENDPOINT": f"http://{LOCAL}:{port['S3']}",
        "BULLION_S3_ACCESS_KEY": secret["s3_access_key"],
        "BULLION_S3_SECRET_KEY": secret["s3_secret_key"],
        "BULLION_S3_REGION": "us-east-1",
        "BULLION_WAREHOUSE": "s3://lake/warehouse",
        "BULLION_CHECKPOINTS": profile.checkpoints(place),
        "BULLION_SPARK_MASTER": profile.master(place),
        "BULLION_LOCKS": str(place.home / "locks"),
        "BULLION_GAPS": str(place.home / "gaps.json"),
        "BULLION_LIMITS": str(place.home / "limits"),
        "BULLION_BACKFILL": str(place.home / "backfill"),
        "BULLION_BACKUPS": str(place.home / "backups"),
        "BULLION_REGISTRY_DATABASE": f"{LOCAL}:{port['POSTGRES']}/registry",
        "BULLION_REGISTRY_USER": "registry",
        "BULLION_REGISTRY_PASSWORD": secret["registry"],
        "BULLION_PG_BIN": str(place.postgres_bin),
        "BULLION_SPARK_CONNECT": f"{LOCAL}:{port['SPARK_CONNECT']}",
        "BULLION_JARS": str(place.jars / "spark"),
        "BULLION_SPARK_PYTHON": str(spark / "python"),
        "BULLION_SPARK_SUBMIT": str(spark / "spark-submit"),
        "BULLION_LAUNCHER": str(REPO / "spark_apps/run.py"),
        "BULLION_SPARK_PROPERTIES": str(place.conf / "spark-defaults.conf"),
        "BULLION_GX": str(REPO / "expectations/gx"),
        "BULLION_GX_RESULTS": str(place.home / "gx/results"),
        "BULLION_GX_SITE": str(place.home / "gx/site"),
        "BULLION_DATA_DOCS": str(place.home / "gx/published"),
        "BULLION_VENDOR": str(place.jars / "webjars/META-INF/resources/webjars"),
        "BULLION_GATES": str(place.home / "gates"),
        "BULLION_ALERTS": str(place.home / "alerts"),
        "BULLION_CAPTURE_METRICS": " ".join(
            f"{each}=http://{LOCAL}:{port[f'METRICS_{each.upper()}']}/metrics"
            for each in exchanges(place)
        ),
        "BULLION_AIRFLOW_URL": f"http://{LOCAL}:{port['AIRFLOW']}",
        "BULLION_AIRFLOW_PASSWORDS": str(secrets.passwords(place)),
        "BULLION_LANE_SECONDS": "20",
        "JAVA_HOME": str(place.java),
        "SPARK_HOME": str(place.packages("spark") / "pyspark"),
        "PYSPARK_PYTHON": str(spark / "python"),
        # Airflow's processes change their titles, and would write them over the
        # environment by which `down` and `up` know whose they are (setproctitle).
        "SPT_NOENV": "1",
        # Each arena of the C library keeps what some thread once used.
        "MALLOC_ARENA_MAX": "2",
        "PYTHONPATH": f"{REPO}:{REPO / 'dags/config'}",
        "TZ": "UTC",
    }


def exchange_urls(place: Place) -> dict[str, str]:
    """Return the simulator's addresses for each exchange; none for the live feed."""
    if feed(place)["feed"] == "live":
        return {}
    where = f"{LOCAL}:{place.ports['SIMULATOR']}"
    return {
        f"BULLION_{exchange.upper()}_{kind}_URL": f"{scheme}://{where}/{exchange}"
        for exchange in exchanges(place)
        for kind, scheme in (("WS", "ws"), ("REST", "http"), ("ARCHIVE", "http"))
    }


def airflow(place: Place) -> dict[str, str]:
    secret, port = secrets.kept(place), place.ports
    url = f"http://{LOCAL}:{port['AIRFLOW']}"
    database = f"airflow:{secret['airflow']}@{LOCAL}:{port['POSTGRES']}/airflow"
    fernet = base64.urlsafe_b64encode(secret["airflow_fernet"][:32].encode()).decode()
    return {
        "AIRFLOW_HOME": str(place.home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPO / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPO / "dags/plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__FERNET_KEY": fernet,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{name}:{role}" for name, role in secrets.PEOPLE.items()
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(
            secrets.passwords(place)
        ),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
        # Tasks do not see the former; `housekeeping` cleans it.
        "BULLION_AIRFLOW_DATABASE": f"postgresql+psycopg2://{database}",
        "AIRFLOW__API__HOST": LOCAL,
        "AIRFLOW__API__PORT": str(port["AIRFLOW"]),
        # It must follow the port, or every task fails.
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secret["airflow_api"],
        "AIRFLOW__API_AUTH__JWT_SECRET": secret["airflow_jwt"],
        # Great Expectations is imported once, in the fork server, and not by each gate.
        "AIRFLOW__SCHEDULER__MP_START_METHOD": "forkserver",
        "AIRFLOW__SCHEDULER__MP_FORKSERVER_PRELOAD": (
            "airflow.executors.local_executor,great_expectations,pandas,duckdb,"
            "pyiceberg.catalog.sql"
        ),
        # As usual, but for a line break at the end, which `$` takes for the end.
        "AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN": r"^[A-Za-z0-9_.~:+-]+\Z",
        # A dead worker's task fails after 20 to 30 s, a dead scheduler's after 60 s.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "60",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "AIRFLOW_CONN_SPARK_UPKEEP": json.dumps(
            {"conn_type": "spark", "host": profile.master(place) or "local[2]"}
        ),
        "NO_PROXY": f"{LOCAL},localhost",
        "no_proxy": f"{LOCAL},localhost",
    }
