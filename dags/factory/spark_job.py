"""The operator that runs one app in Spark's own environment."""

import json
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from dags.factory.settings import environment


class SparkJob(BashOperator):
    """Runs `python -m spark_apps.run ARGUMENTS` and hands on what it reports.

    The last line that the job prints is one JSON object, ids as text, since a browser
    rounds large numbers. It becomes the XCom and the `extra` of each asset event.

    It first asks whether the stream from `reads` into `writes` has anything to read: if
    not, no process is started. The task and what follows are skipped, unless rows of
    `writes` are still owed to the table `then`: its gate was closed, or it failed.
    """

    template_fields = ("bash_command", "env")

    def __init__(
        self,
        *,
        arguments: str,
        exchange: str,
        reads: str,
        writes: str,
        then: str = "",
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
        self.then = then

    def execute(self, context: Context) -> Any:
        """Run the job, if there is anything for it to do, and return its report."""
        if not self.has_work(self.reads, self.writes):
            idle = f"{self.reads} has nothing new for {self.writes}"
            if not self.then or not self.has_work(self.writes, self.then):
                raise AirflowSkipException(idle)
            self.log.info("%s, but %s is owed rows", idle, self.then)
            return {"rows": 0}
        report = super().execute(context)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = report
        return report

    def has_work(self, reads: str, writes: str) -> bool:
        """Return whether the stream between two tables has snapshots to read."""
        # pyiceberg is loaded by the fork server: here it costs nothing.
        from expectations.increment import waiting

        return waiting(reads, writes, self.exchange, environment()) > 0
