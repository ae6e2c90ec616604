"""The restore drill: a backup is restored beside all that runs, and judged."""

import json
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Context, Param, chain, task
from airflow.sdk.exceptions import AirflowFailException

from dags.factory.policy import alone, waiting

NAME = r"^(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)?$"
"""What a backup is called, or nothing: the newest."""
TRIAGE = """
### What this is
Once a month the newest backup is really restored: its dumps into a database of its own
beside the catalog, its checkpoints into a folder of their own. Nothing of the running
lake is touched, and both are removed at the end; what a killed drill left, the next one
removes. It is judged by what `./bullion restore` goes by:

| what | has to |
|---|---|
| the dumps | load whole, with each table that the backup's manifest names |
| each table | open through the restored catalog; each file of rows is there, whole |
| each checkpoint | be readable, be not ahead of its tables, have where to go on |

The log of `drill` shows all of it as a table, and what a restore would lose. A table is
`as then` while what it was at the backup can be read; later (6 hours for bronze, a day
for others: `BULLION_KEEP_...SNAPSHOTS_HOURS`) it is `newest`: a restore brings it to
its newest state, as it does with all of them. `drills.jsonl` beside the backups has
each drill.

**By hand, or another backup:** *Trigger* with its name, or `./bullion drill`.

### When it is red
- **`verdict`:** the backup would not restore; it is not tried again. The message says
  which table or checkpoint and why, the log of `drill` has all. Take a new backup
  (trigger `checkpoint_backup`) and drill that one; if files of the object store are
  gone, bring those back from its copy. See docs/runbooks/recovery.md.
- **`drill`:** it could not ask: PostgreSQL, Kafka or the object store is away. That
  says nothing of the backup. It is tried again.
"""


class DrillJob(BashOperator):
    """Runs the drill in this environment, and returns its report.

    A job of its own, so that what it loads and reads is gone with it.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            # exec: the job takes the place of bash, so its parent is the Airflow task.
            bash_command='exec "$PYTHON" -m spark_apps.recovery.drill --from "$BACKUP"',
            append_env=True,
            output_processor=json.loads,
            **kwargs,
        )

    def execute(self, context: Context) -> Any:
        """Return what was found of the backup that was asked for, or of the newest."""
        chosen = context["params"].get("backup") or ""
        self.env = {"PYTHON": sys.executable, "BACKUP": str(chosen)}
        return super().execute(context)


def drill_dag() -> DAG:
    """Return the DAG; it runs after the backup of the first day of a month."""

    @task(task_id="verdict", retries=0)
    def verdict(**context: Any) -> str:
        return judged(context["ti"].xcom_pull(task_ids="drill"))

    with DAG(
        dag_id="restore_drill",
        description="The newest backup is restored beside all that runs, and judged.",
        doc_md=TRIAGE,
        schedule=waiting("20 5 1 * *"),
        dagrun_timeout=timedelta(hours=4),
        **alone(),
        params={
            "backup": Param(
                None,
                type=["null", "string"],
                pattern=NAME,
                title="Backup",
                description="Such as 2026-11-25T03-50-00Z; none is the newest.",
            )
        },
        tags=["recovery"],
    ) as dag:
        chain(
            DrillJob(
                task_id="drill",
                retry_delay=timedelta(minutes=2),
                execution_timeout=timedelta(hours=1),
            ),
            verdict(),
        )
    return dag


def judged(report: Mapping[str, Any]) -> str:
    """Return what was proven.

    Raises:
        AirflowFailException: a restore would fail; the message says what to do.
    """
    if report["faults"]:
        raise AirflowFailException(
            f"the backup {report['backup'] or 'to drill'} would not restore: "
            f"{'; '.join(report['faults'])}. Take a new one (trigger "
            "checkpoint_backup) and drill it; docs/runbooks/recovery.md says what else"
        )
    said = f"{report['backup']} holds: {len(report['tables'])} tables, "
    said += f"{report['files']} files, {len(report['streams'])} checkpoints; a restore "
    return said + f"would lose {report['lost'] or 'no'} messages"
