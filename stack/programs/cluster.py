"""A standalone Spark cluster: a master, and workers as on machines of their own."""

from dataclasses import dataclass

from stack.place import Place
from stack.profile import on_cluster
from stack.programs.program import LOCAL, Program
from stack.settings import exchanges

WORKERS = (1, 2)
CORES = 4
"""Of each worker: places for tasks, whatever the machine has."""
RESERVED = 2
"""Cores that the lanes keep, however many exchanges there are."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one application may have of the cluster."""

    cores: int
    executor_mb: int
    executor_cores: int = 2

    @property
    def words(self) -> tuple[str, ...]:
        """The share as spark-submit is told it."""
        said = {
            "spark.cores.max": self.cores,
            "spark.executor.cores": min(self.executor_cores, self.cores),
            "spark.executor.memory": f"{self.executor_mb}m",
        }
        return tuple(
            word
            for name, value in said.items()
            for word in ("--conf", f"{name}={value}")
        )


def bronze_share(place: Place) -> Share:
    """Return the share of one exchange's bronze: two cores, one where many are."""
    room = (len(WORKERS) * CORES - RESERVED) // len(exchanges(place))
    return Share(max(1, min(2, room)), 512)


def lanes_share(place: Place) -> Share:
    """Return the share of the lanes' warm driver: what bronze leaves."""
    taken = len(exchanges(place)) * bronze_share(place).cores
    return Share(max(RESERVED, len(WORKERS) * CORES - taken), 768)


def cluster(place: Place) -> tuple[Program, ...]:
    """Return the master and the workers; none where each driver works by itself."""
    if not on_cluster(place):
        return ()
    return (master(place), *(worker(place, number) for number in WORKERS))


def master(place: Place) -> Program:
    port = place.ports
    notes = place.data / "spark/master"
    return Program(
        name="spark-master",
        about="Spark's master: who works for whom",
        command=(
            str(place.envs / "spark/bin/spark-class"),
            "org.apache.spark.deploy.master.Master",
            *("--host", LOCAL, "--port", str(port["SPARK_MASTER"])),
            *("--webui-port", str(port["SPARK_MASTER_UI"])),
        ),
        ready=f"http:http://{LOCAL}:{port['SPARK_MASTER_UI']}/json/",
        env=(
            *daemon_env(place),
            (
                "SPARK_MASTER_OPTS",
                # A master that was killed knows its workers and applications again;
                # without its notes it would end their executors for good.
                f"-Dspark.deploy.recoveryMode=FILESYSTEM "
                f"-Dspark.deploy.recoveryDirectory={notes} "
                "-Dspark.deploy.recoveryTimeout=15 "
                # By default whoever reaches port 6066 may submit programs there.
                "-Dspark.master.rest.enabled=false "
                # Bad minutes must not cost an application its place.
                "-Dspark.deploy.maxExecutorRetries=-1",
            ),
        ),
    )


def worker(place: Place, number: int) -> Program:
    port = place.ports
    memory = place.settings.get("BULLION_SPARK_WORKER_MEMORY") or "2g"
    return Program(
        name=f"spark-worker-{number}",
        about=f"Spark's worker {number}: {CORES} cores, {memory} for executors",
        needs=(f"tcp:{port['SPARK_MASTER']}",),
        command=(
            str(place.envs / "spark/bin/spark-class"),
            "org.apache.spark.deploy.worker.Worker",
            *("--host", LOCAL, "--port", str(port[f"SPARK_WORKER_{number}"])),
            *("--webui-port", str(port[f"SPARK_WORKER_{number}_UI"])),
            *("--cores", str(CORES), "--memory", memory),
            *("--work-dir", str(place.data / f"spark/worker-{number}")),
            f"spark://{LOCAL}:{port['SPARK_MASTER']}",
        ),
        ready=f"tcp:{port[f'SPARK_WORKER_{number}_UI']}",
        env=(
            *daemon_env(place),
            (
                "SPARK_WORKER_OPTS",
                "-Dspark.worker.cleanup.enabled=true "
                "-Dspark.worker.cleanup.interval=600 "
                "-Dspark.worker.cleanup.appDataTtl=3600",
            ),
        ),
    )


def daemon_env(place: Place) -> tuple[tuple[str, str], ...]:
    return (
        ("SPARK_LOCAL_IP", LOCAL),
        ("SPARK_DAEMON_MEMORY", "192m"),
        ("SPARK_DAEMON_JAVA_OPTS", "-XX:+UseSerialGC -Duser.timezone=UTC"),
    )
