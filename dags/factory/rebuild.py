"""The rebuild of a layer: a Spark program of its own, and what a person tells it."""

from datetime import timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG, Context, Param
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from dags.factory.day_param import day
from dags.factory.policy import alone
from dags.factory.settings import environment, exchanges

POOL = "rebuild"
REFUSED = "Error code is: 2."
"""What the operator says of a program that ended with this exit code."""
CONNECTION = "spark_upkeep"
"""Where its Spark works: on this machine, or on the cluster."""
TRIAGE = """
### What this is
Some days of **silver**, **gold** or **candles**, derived again from the layer below by
today's rules, and all that follows from them. Rows are compared, and only what differs
is changed: run it twice, and the second run finds nothing.

| `layer` | derived from | then | days are those of |
|---|---|---|---|
| `silver` | bronze (7 days) | gold, candles | the messages, as bronze took them |
| `gold` | silver (30 days) | candles | the trades |
| `candles` | gold | | the trades |

Without `write` it only counts what differs, in its log. The audit's red checks say
which layer to take; docs/runbooks/audit.md.

Lanes go on: they wait while a day of a table is written. A trade that gold never read
comes by its lane, through the gate. What the layer below has not (a row of silver
without its message, a trade of gold that silver lacks) is counted and left alone, for
it may be all that there is of it.

### When it is red
- **`RebuildRefused`** (not retried): the layer below keeps no more all of those days;
  nothing was changed. Take younger ones, or bring the day again with
  `backfill__<exchange>`.
- **Anything else:** what was written stays and is right. *Clear* goes on with the rest.
"""


class RebuildJob(SparkSubmitOperator):
    """Runs the program; what it refuses is not tried again."""

    def execute(self, context: Context) -> None:
        """Return once all is written, or counted.

        Raises:
            AirflowFailException: the program refused; its log says why, and what to do.
        """
        try:
            super().execute(context)
        except AirflowException as why:
            if REFUSED in str(why):
                raise AirflowFailException(
                    "this cannot be rebuilt: the log's last line says why"
                ) from why
            raise


def rebuild_dag() -> DAG:
    """Return the DAG: one program at a time, only by hand."""
    here = environment()
    with DAG(
        dag_id="rebuild",
        description="A layer of some days is derived again from the one below.",
        doc_md=TRIAGE,
        schedule=None,
        dagrun_timeout=timedelta(hours=24),
        **alone(),
        params={
            "layer": Param(
                "candles",
                type="string",
                enum=["silver", "gold", "candles"],
                title="Layer",
                description="What is derived again; what follows from it too.",
            ),
            "exchange": Param(
                exchanges()[0], type="string", enum=list(exchanges()), title="Exchange"
            ),
            "first": Param(
                type="string",
                format="date",
                title="First day (UTC)",
                description="Such as 2026-11-05.",
            ),
            "last": day("Last day", "Included; none is the first day alone."),
            "write": Param(
                False,
                type="boolean",
                title="Write",
                description="Else what differs is counted, and nothing is changed.",
            ),
        },
        tags=["rebuild"],
    ) as dag:
        RebuildJob(
            task_id="rebuild",
            name="rebuild {{ params.layer }} {{ params.exchange }}",
            conn_id=CONNECTION,
            # Airflow's own Python has no Spark; a connection takes bare names only.
            spark_binary=here.get("BULLION_SPARK_SUBMIT", "spark-submit"),
            properties_file=here.get("BULLION_SPARK_PROPERTIES"),
            application=here.get("BULLION_LAUNCHER", "spark_apps/run.py"),
            application_args=[
                *("rebuild", "{{ params.layer }}", "{{ params.exchange }}"),
                *("--from", "{{ params.first }}", "--to", "{{ params.last or '' }}"),
                *("--write", "{{ 'yes' if params.write else 'no' }}"),
            ],
            # Its page would listen on every address of this machine.
            conf={"spark.ui.enabled": "false"},
            # A day of a busy exchange beside the lanes' own driver.
            driver_memory="1g",
            pool=POOL,
            retry_delay=timedelta(minutes=1),
            execution_timeout=timedelta(hours=12),
            max_active_tis_per_dag=1,
        )
    return dag
