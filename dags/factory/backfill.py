"""The DAG that brings a day of an exchange's past, and the operator that does it."""

import json
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Context, CronDataIntervalTimetable
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.factory.day_param import day
from dags.factory.policy import START, alone
from dags.factory.settings import environment

TRIAGE = """
### What this is
A whole day (UTC) of the exchange, from its files of past trades or, where it has none,
from its REST. What gold holds already is left out; the rest takes the way of all trades
through topic, bronze and lane. It is harmless to run a day again.

- **Many days:** *Trigger > Backfill*, or `./bullion airflow backfill create --dag-id
  backfill__ACME --from-date 2026-11-01 --to-date 2026-11-05 --max-active-runs 2
  --reprocess-behavior completed`. Both ends are included; with *missing runs* alone,
  Airflow leaves out yesterday, which ran by itself. A run's id carries the **end** of
  its day.
- **One day:** *Trigger* with `day`, or `./bullion airflow dags trigger
  backfill__ACME -c '{"day": "2026-11-05"}'`.
- **Each day by itself:** just after midnight, for what capture lacks of the day before:
  ids below the first trade that was ever captured are left out then. Skipped while
  nothing was captured before that day ended.

### When it is red
Nothing is lost: what came was noted, and the next try goes on there. The last line of
the log says what is lacking. A file that is not published yet is asked for again, for
about 15 hours.
"""


class DayJob(BashOperator):
    """Runs `python -m ingestion backfill` for the day of its run."""

    def __init__(self, *, exchange: str, **kwargs: Any) -> None:
        super().__init__(
            bash_command='exec "$BULLION_SPARK_PYTHON" -m ingestion backfill '
            f'{exchange} --day "$DAY" --held "$HELD" $ONLY',
            append_env=True,
            output_processor=json.loads,
            **kwargs,
        )
        self.exchange = exchange

    def execute(self, context: Context) -> Any:
        """Return the job's report.

        Raises:
            AirflowFailException: the run was given no day.
            AirflowSkipException: a scheduled run, and nothing was captured that day.
        """
        from expectations.ledger import before_capture, held

        day, env = day_of(context), environment()
        ids, only = held(env, self.exchange), ""
        if context["dag_run"].run_type == "scheduled":
            # Nobody asked for the past itself: for what was lost since capture began.
            begun = before_capture(env, self.exchange, date.fromisoformat(day))
            if not begun:
                raise AirflowSkipException(f"nothing was captured before {day} ended")
            ids = {name: [*ids[name], span] for name, span in begun.items()}
            only = "--only-held"
        self.log.info("the day is %s (UTC), of %s", day, self.exchange)
        with tempfile.TemporaryDirectory() as folder:
            told = Path(folder, "held.json")
            told.write_text(json.dumps(ids))
            self.env = {"DAY": day, "HELD": str(told), "ONLY": only}
            return super().execute(context)


def day_of(context: Context) -> str:
    """Return the day that a run is about.

    Raises:
        AirflowFailException: it was triggered without one, or with one that is none, or
            not over, or that is not the day of its run; the message says how to.
    """
    day, begin = context["params"].get("day"), context.get("data_interval_start")
    if day and context["dag_run"].run_type == "backfill":
        raise AirflowFailException(
            f"every run of this backfill was told the day {day}: begin it again with "
            "`Day` empty, since its dates say the days"
        )
    if day:
        return over(day)
    if begin is None or context["dag_run"].run_type == "manual":
        raise AirflowFailException(
            'no day was given: trigger it with {"day": "2026-11-05"}, or make a '
            "backfill of several days"
        )
    return f"{begin:%Y-%m-%d}"


def over(day: object) -> str:
    """Return a day (UTC) that is over, as ISO has it.

    Raises:
        AirflowFailException: it is none.
    """
    try:
        told = date.fromisoformat(str(day))
    except ValueError as error:
        raise AirflowFailException(
            f"no day: {error}; give one such as 2026-11-05"
        ) from error
    if told >= datetime.now(UTC).date():
        raise AirflowFailException(
            f"{told} (UTC) is not over: what is missing of it, the DAG `completeness` "
            "fills. Give a day before today"
        )
    return told.isoformat()


def backfill_dag(exchange: str) -> DAG:
    """Return the DAG of one exchange's past days."""
    with DAG(
        dag_id=f"backfill__{exchange}",
        description=f"{exchange}: a whole day of the past, from files or REST.",
        doc_md=TRIAGE.replace("ACME", exchange),
        # A run is one day, only with this timetable and midnight.
        schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
        start_date=START,
        dagrun_timeout=timedelta(days=2),
        # That is of scheduled runs; a backfill says itself how many go side by side.
        **alone(),
        params={
            "day": day(
                "Day", "Of a single run, such as 2026-11-05; none in a backfill."
            )
        },
        tags=["backfill", exchange],
    ) as dag:
        DayJob(
            task_id="day",
            exchange=exchange,
            pool="backfills",
            retries=24,
            max_retry_delay=timedelta(hours=1),
            execution_timeout=timedelta(hours=6),
        )
    return dag
