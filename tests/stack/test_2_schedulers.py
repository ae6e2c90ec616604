"""Two schedulers on one database share the work; one dies in the middle of a step.

The story goes on after what was lost came back.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psutil
import psycopg2
import pytest

from stack.place import REPO
from stack.settings import environment
from tests.stack.control import begin
from tests.stack.laptop import Laptop, eventually, kill
from tests.stack.promises import doubled, goes_on, pid_of, settled, unaccounted

pytestmark = pytest.mark.stack
ALIVE = (
    "SELECT id FROM job WHERE job_type = 'SchedulerJob' AND state = 'running' "
    "AND latest_heartbeat > now() - INTERVAL '20 seconds' ORDER BY id"
)
QUEUED_BY = (
    "SELECT DISTINCT queued_by_job_id FROM task_instance "
    "WHERE queued_dttm > %s AND dag_id LIKE 'lane\\_\\_%%'"
)
AT_WORK = (
    "SELECT 1 FROM task_instance WHERE state = 'running' AND queued_by_job_id = %s "
    "AND dag_id LIKE 'lane\\_\\_%%' AND task_id IN ('silver', 'gold')"
)
RUNS = (
    "SELECT dag_id AS name, run_id, start_date, coalesce(end_date, now()) AS end_date "
    "FROM dag_run WHERE start_date > %s"
)
STEPS = (
    "SELECT dag_id || '.' || task_id AS name, run_id || ' ' || try_number AS run_id, "
    "start_date, end_date FROM (SELECT dag_id, task_id, run_id, try_number, "
    "start_date, coalesce(end_date, now()) AS end_date FROM task_instance UNION ALL "
    "SELECT dag_id, task_id, run_id, try_number, start_date, coalesce(end_date, "
    "start_date) FROM task_instance_history) tries WHERE start_date > %s"
)
SIDE_BY_SIDE = (
    "WITH told AS ({}) SELECT a.name, a.run_id, b.run_id FROM told a JOIN told b "
    "ON a.name = b.name AND a.run_id < b.run_id "
    "AND a.start_date < b.end_date AND b.start_date < a.end_date "
    "WHERE a.name LIKE 'lane\\_\\_%%'"
)
TWICE = (
    "SELECT dag_id, logical_date, count(*) FROM dag_run WHERE logical_date IS NOT NULL "
    "GROUP BY dag_id, logical_date HAVING count(*) > 1"
)


def rows(laptop: Laptop, query: str, *values: object) -> list[tuple[object, ...]]:
    """Return what Airflow's own database answers."""
    url = environment(laptop.place)["BULLION_AIRFLOW_DATABASE"]
    with closing(psycopg2.connect(url.replace("+psycopg2", ""))) as one:
        with one.cursor() as cursor:
            cursor.execute(query, values or None)
            return list(cursor.fetchall())


@contextmanager
def another_scheduler(laptop: Laptop) -> Iterator[None]:
    """Run a second scheduler, as another machine would, until the block ends."""
    programs = laptop.place.envs / "airflow/bin"
    env = environment(laptop.place)
    words = (str(programs / "airflow"), "scheduler", "--skip-serve-logs")
    with (laptop.place.logs / "another-scheduler.log").open("w") as log:
        process = subprocess.Popen(
            [str(REPO / "stack/run_group.sh"), *words],
            env=env | {"PATH": f"{programs}:{env['PATH']}"},
            cwd=REPO,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def test_two_schedulers_run_no_lane_twice_though_one_of_them_dies(
    laptop: Laptop,
) -> None:
    ((begun,),) = rows(laptop, "SELECT now()")
    eventually(lambda: len(rows(laptop, ALIVE)) == 1, "one is alive", every=1)
    ((first,),) = rows(laptop, ALIVE)
    # The shell that supervisord knows ends what its scheduler leaves behind.
    (scheduler,) = psutil.Process(pid_of(laptop, "airflow-scheduler")).children()
    with another_scheduler(laptop):
        eventually(lambda: len(rows(laptop, ALIVE)) == 2, "two are alive", every=1)
        (second,) = {row[0] for row in rows(laptop, ALIVE)} - {first}
        took = eventually(
            lambda: bool(rows(laptop, AT_WORK, first)),
            "the first runs a step",
            every=0.2,
        )
        print(f"the first ran a step of a lane after {took:.0f} s")
        kill(scheduler.pid)
        print(f"gold went on after {goes_on(laptop):.0f} s")
        eventually(
            lambda: (second,) in rows(laptop, QUEUED_BY, begun),
            "the second starts lanes' tasks",
            every=1,
        )

        def again() -> bool:
            return len({row[0] for row in rows(laptop, ALIVE)} - {first}) == 2

        eventually(again, "supervisord has begun the first anew", every=1)

    assert rows(laptop, TWICE) == []
    assert rows(laptop, SIDE_BY_SIDE.format(RUNS), begun) == []
    assert rows(laptop, SIDE_BY_SIDE.format(STEPS), begun) == []
    assert (doubled(laptop), settled(laptop)) == ([], [])
    assert unaccounted(laptop) == []


def test_dags_whose_hour_has_not_come_begin_when_they_are_told(laptop: Laptop) -> None:
    """They run beside the next part of the story; the last one looks at them."""
    begun = begin(laptop)

    print(f"begun: {', '.join(begun)}")
    # Of audit, upkeep, retention and orphans the clock may have begun one or two.
    assert len(begun) >= 2
