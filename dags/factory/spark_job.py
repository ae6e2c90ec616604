"""The operator that runs one app in Spark's own environment."""

import json
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Context

from dags.factory.settings import environment


class SparkJob(BashOperator):
    """Runs `python -m spark_apps.run ARGUMENTS` and hands on what it reports.

    The last line that the job prints is one JSON object, ids as text, since a browser
    rounds large numbers. It becomes the XCom and the `extra` of each asset event.

    With `reads` and `writes` it first asks whether the stream between the two tables
    has anything to read: if not, no process is started and the report is empty.
    """

    template_fields = ("bash_command", "env")

    def __init__(
        self,
        *,
        arguments: str,
        exchange: str,
        reads: str,
        writes: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            # exec: the job takes the place of bash, so its parent is the Airflow task.
            bash_command=f'exec "$BULLION_SPARK_PYTHON" -m spark_apps.run {arguments}',
            append_env=True,
            output_processor=json.loads,
            **kwargs,
        )
        self.exchange, self.reads, self.writes = exchange, reads, writes

    def execute(self, context: Context) -> Any:
        # pyiceberg is loaded by the fork server: here it costs nothing.
        from expectations.increment import waiting

        if not waiting(self.reads, self.writes, self.exchange, environment()):
            self.log.info("%s has nothing new for %s", self.reads, self.writes)
            return {"rows": 0}
        report = super().execute(context)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = report
        return report
