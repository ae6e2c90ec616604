"""The audit of days: what archives have, what the tables have, and the verdict."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Context, chain, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.factory.day_param import day
from dags.factory.policy import alone, waiting
from dags.factory.spark_job import SparkJob

POOL = "gold.audits"
MOST_DAYS = 31
TRIAGE = """
### What this is
Each morning the day before (UTC) is proven anew, of every exchange:

| check | what it compares |
|---|---|
| `bronze = silver + dead letters` | each offset of that day: once in one of them |
| `silver's account`, `gold's account` | what each run said, counted again |
| `gold is unique` | no message_id twice |
| `silver = gold` | gold has silver's trades that nobody refused, no others |
| `candles 1m`, `5m`, `1h`, `1d` | each value, anew from gold's trades |
| `the exchange's archive` | number of trades, first and last id, in its files |
| `trade ids`, `spans at REST` | holes that the ledger does not know; spans counted |

`archive` counts the files; `audit` compares, at snapshots that agree with each other,
so that lanes go on; `verdict` is red if a check does not hold. Each check is a row of
`market_data.audits`: `./bullion audit` shows the last ones.

`not comparable` is no pass: the row says why (retention, a file that is not out yet,
a lane that is behind). Trades that come late, by a fill or backfill, are in no audit
that was before them: audit the day again.

**Other days:** *Trigger* with `first` and `last`, or `./bullion airflow dags trigger
audit -c '{"first": "2026-11-05", "last": "2026-11-07"}'`.

### When it is red
- **`verdict`:** a check found a fault twice, more than a minute apart. It is not
  retried. Its log says what differs and what to do; see docs/runbooks/audit.md.
- **`archive`, `audit`:** they could not ask. That says nothing of the data; they are
  tried again.
"""


class AuditJob(SparkJob):
    """Compares the tables of some days; there is always something to ask."""

    def has_work(self, reads: str, writes: str) -> bool:
        """Return that there is."""
        return True

    def execute(self, context: Context) -> Any:
        """Return the report, a row for each check."""
        days = asked_days(context)
        found = context["ti"].xcom_pull(task_ids="archive")
        with tempfile.TemporaryDirectory() as folder:
            # No argument of a process may be as long as a month of many symbols.
            file = Path(folder, "archive.json")
            file.write_text(json.dumps(found))
            self.env = {"FIRST": days[0], "LAST": days[-1], "ARCHIVE": str(file)}
            return super().execute(context)


class TallyJob(BashOperator):
    """Counts what the files of some exchanges have of the days."""

    def __init__(self, *, exchanges: Sequence[str], **kwargs: Any) -> None:
        super().__init__(
            bash_command='exec "$BULLION_SPARK_PYTHON" -m ingestion tally '
            f"{' '.join(exchanges)} --days $DAYS",
            append_env=True,
            output_processor=json.loads,
            **kwargs,
        )
        self.exchanges = exchanges

    def execute(self, context: Context) -> Any:
        """Return the tallies.

        Raises:
            AirflowSkipException: no exchange here has files.
        """
        days = asked_days(context)
        if not self.exchanges:
            raise AirflowSkipException("no exchange here publishes files of its days")
        self.env = {"DAYS": " ".join(days)}
        return super().execute(context)


def asked_days(context: Context) -> list[str]:
    """Return the days that a run is about: yesterday unless it was told.

    Raises:
        AirflowFailException: they are no days, not over, or too many.
    """
    first = context["params"].get("first") or context["params"].get("last")
    last = context["params"].get("last") or first
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    if not first:
        run_after = context["dag_run"].run_after
        return [f"{min(yesterday, (run_after - timedelta(days=1)).date())}"]
    try:
        begin, end = date.fromisoformat(str(first)), date.fromisoformat(str(last))
    except ValueError as error:
        raise AirflowFailException(
            f"no day: {error}; give first and last such as 2026-11-05"
        ) from error
    number = (end - begin).days + 1
    if not 1 <= number <= MOST_DAYS or end > yesterday:
        raise AirflowFailException(
            f"{begin} to {end} (UTC): give 1 to {MOST_DAYS} days, the last of them "
            "over. What is missing of today, the DAG `completeness` fills"
        )
    return [f"{begin + timedelta(days=each)}" for each in range(number)]


def audit_dag(with_files: Sequence[str]) -> DAG:
    """Return the DAG over all exchanges here; some of them publish files."""

    @task(task_id="verdict", retries=0)
    def verdict(**context: Any) -> str:
        """Say what was found.

        Raises:
            AirflowFailException: a check does not hold.
        """
        report = context["ti"].xcom_pull(task_ids="audit")
        print(told(report))
        red = [each for each in report["checks"] if each["state"] == "failed"]
        if red:
            raise AirflowFailException(
                "; ".join(
                    f"{each['exchange']} {each['day']}, {each['check_name']}: "
                    f"{each['differing']} differ. {each['note']}"
                    for each in red
                )
            )
        return f"{len(report['checks'])} checks, none failed"

    with DAG(
        dag_id="audit",
        description="A day of every table is compared with all that it should equal.",
        doc_md=TRIAGE,
        # Files of the day before are out by then.
        schedule=waiting("40 6 * * *"),
        dagrun_timeout=timedelta(hours=12),
        **alone(),
        params={
            "first": day("First day", "Such as 2026-11-05; none is yesterday."),
            "last": day("Last day", "Included; none is the first day alone."),
        },
        tags=["audit"],
    ) as dag:
        chain(
            TallyJob(
                task_id="archive",
                exchanges=with_files,
                pool="fills",
                max_active_tis_per_dag=1,
                execution_timeout=timedelta(hours=3),
            ),
            AuditJob(
                task_id="audit",
                arguments='audit --from "$FIRST" --to "$LAST" --archive "$ARCHIVE"',
                exchange="",
                reads="gold.trades",
                writes=POOL,
                pool=POOL,
                max_active_tis_per_dag=1,
                # Without files there is nothing to count, but all else to compare.
                trigger_rule="none_failed",
                retry_delay=timedelta(minutes=2),
                execution_timeout=timedelta(hours=6),
            ),
            verdict(),
        )
    return dag


def told(report: Mapping[str, Any]) -> str:
    """Return a report as lines that a log shows."""
    lines = []
    for each in report["checks"]:
        lines.append(
            f"{each['state']:15}{each['day']} {each['exchange']:9}"
            f"{each['check_name']:31}{each['found']} of {each['expected']}"
            + (f": {each['note']}" if each["note"] else "")
        )
        if each["state"] == "failed":
            lines += [f"{'':17}{sample}" for sample in json.loads(each["samples"])]
    return "\n".join(lines)
