"""Airflow: the DAG that compares gold with REST where trade ids prove no loss."""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from dags.factory.ledger_jobs import CountJob, NoteJob
from dags.factory.policy import START, alone
from dags.factory.settings import exchanges
from schemas.exchange import counts_trades

GOLD, COUNTS = "gold.trades", "gold.counts"
unproven = [name for name in exchanges() if not counts_trades(name)]

if unproven:
    with DAG(
        dag_id="reconciliation",
        description="Trades are counted at REST and in gold where ids prove no loss.",
        doc_md=f"""
### What this is
The trade ids of {", ".join(unproven)} do not count up by one: a jump in them proves
nothing. So `count` asks REST for the newest trades of each symbol (20 symbols a run,
drawn anew), and `compare` counts in gold what happened between the oldest and the
newest of them, once it had a minute and a half to get there. `trade_counts` keeps each
span: `equal`, `short` if gold lacks trades after a quarter of an hour, `beyond` if it
has more, `open` until then. It is there only where such exchanges are captured.

### When it is red
- **`count`:** the process failed. An exchange that does not answer is no failure: the
  task's log says what it did, and the next run asks again.
- **`compare`:** the next run does it again; nothing is lost.

### When a span is short
`./bullion sql "SELECT * FROM trade_counts WHERE state = 'short'"`, and
docs/runbooks/gaps.md. It is compared again for a day: trades may still come.
""",
        schedule=CronTriggerTimetable("*/2 * * * * 35", timezone="UTC"),
        start_date=START,
        dagrun_timeout=timedelta(hours=1),
        **alone(),
        tags=["completeness"],
    ) as dag:
        CountJob(
            task_id="count", exchanges=unproven, pool="fills", max_active_tis_per_dag=1
        ) >> NoteJob(
            task_id="compare",
            arguments=f'{COUNTS} --counts "$COUNTED"',
            exchange="",
            reads=GOLD,
            writes=COUNTS,
            env={"COUNTED": "{{ ti.xcom_pull(task_ids='count') | tojson }}"},
            pool=COUNTS,
            max_active_tis_per_dag=1,
        )
