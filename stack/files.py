"""The configuration files that the laptop's servers read."""

import json
import os
from pathlib import Path

from stack.place import REPO, Place, SettingRefused
from stack.secrets import kept, write_private

LOCAL = "127.0.0.1"


def write_all(place: Place) -> None:
    """Write each file anew; the same settings give the same files."""
    for folder in (
        *(place.data, place.run, place.logs, place.conf),
        *(place.data / "s3", place.data / "simulator", place.home / "airflow"),
        *(place.home / "checkpoints", place.home / "locks", place.home / "gates"),
        place.home / "gx/results",
    ):
        folder.mkdir(parents=True, exist_ok=True)
    private(place.sockets)
    (place.conf / "kafka.properties").write_text(kafka(place))
    (place.conf / "kafka-log4j2.properties").write_text(KAFKA_LOG)
    write_private(place.conf / "s3.json", s3(place))
    spark_python = place.conf / "spark-python"
    spark_python.write_text(
        SPARK_PYTHON.format(
            python=place.python("spark"),
            start=REPO / "spark_apps/warm_start.py",
            socket=place.socket("python"),
        )
    )
    spark_python.chmod(0o755)


def private(folder: Path) -> None:
    """Make a folder that only we may enter; it may lie where others write too.

    Raises:
        SettingRefused: somebody else made it first.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise SettingRefused(
            f"{folder} belongs to somebody else: remove it, or set TMPDIR to a folder "
            "of your own, or BULLION_HOME to a path below 40 letters"
        )
    folder.chmod(0o700)


def kafka(place: Place) -> str:
    """Return the broker's settings: one node, nothing made by itself."""
    broker = f"{LOCAL}:{place.ports['KAFKA']}"
    controller = f"{LOCAL}:{place.ports['KAFKA_CONTROLLER']}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": controller,
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": place.data / "kafka",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "log.segment.bytes": 134217728,
        "message.max.bytes": 16777216,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


SPARK_PYTHON = """\
#!/bin/sh
exec "{python}" -IS "{start}" "{python}" "{socket}" "$@"
"""
KAFKA_LOG = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=info
"""


def s3(place: Place) -> str:
    secret = kept(place)
    keys = {
        "accessKey": secret["s3_access_key"],
        "secretKey": secret["s3_secret_key"],
    }
    identity = {"name": "lake", "credentials": [keys], "actions": ["Admin"]}
    return json.dumps({"identities": [identity]})
