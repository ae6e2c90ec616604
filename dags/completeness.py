"""Airflow: the DAG that finds missing trades, has them filled, and keeps the proof."""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, chain

from dags.factory.ledger_jobs import FillJob, FindJob, NoteJob
from dags.factory.policy import START, alone

GOLD, GAPS = "gold.trades", "gold.gaps"

with DAG(
    dag_id="completeness",
    description="Holes in gold's trade ids are found, filled by REST, and accounted.",
    doc_md="""
### What this is
Exchanges count their trades: a jump in a symbol's ids proves that some are missing.
`find` enters what gold took since its last run into the ledger (`trade_ranges`, and a
row of `trade_gaps` for each hole). `fill` asks the exchanges for open holes by REST,
within their limits; what they have goes the way of all trades. `note` keeps what they
answered. Ids that an exchange left out twice, minutes apart, are absent there.

### When it is red
- **`find`, `note`:** the next run does it again; nothing is lost.
- **`fill`:** Kafka did not take its trades; the next run asks again. An exchange that
  does not answer is no failure: `evidence` in `trade_gaps` says what it did.

### When a hole stays open
`./bullion sql "SELECT * FROM trade_gaps WHERE state = 'open'"`. One that lacks more
than a million ids is left alone.
""",
    # After the lanes' runs and the candles, which begin at other seconds.
    schedule=CronTriggerTimetable("* * * * * 50", timezone="UTC"),
    start_date=START,
    dagrun_timeout=timedelta(hours=1),
    **alone(),
    tags=["completeness"],
) as dag:
    chain(
        FindJob(
            task_id="find",
            arguments=GAPS,
            exchange="",
            reads=GOLD,
            writes=GAPS,
            pool=GAPS,
            max_active_tis_per_dag=1,
        ),
        FillJob(
            task_id="fill",
            # Holes of earlier runs are asked for, whether or not there are new ones.
            trigger_rule="none_failed",
            pool="fills",
            max_active_tis_per_dag=1,
        ),
        NoteJob(
            task_id="note",
            arguments=f'{GAPS} --answers "$ANSWERS"',
            exchange="",
            reads=GOLD,
            writes=GAPS,
            env={"ANSWERS": "{{ ti.xcom_pull(task_ids='fill') | tojson }}"},
            pool=GAPS,
            max_active_tis_per_dag=1,
        ),
    )
