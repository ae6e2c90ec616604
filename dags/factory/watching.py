"""The operator of the watch: it looks once, and not at a stack that has just begun."""

import json
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from dags.factory.settings import lanes_first


class LookJob(BashOperator):
    """Runs `python -m query watch`, and returns what it reports.

    Its settings, among them addresses that hold tokens, come by the environment: none
    is rendered, logged or returned.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            bash_command=(
                "exec python -P -m query watch{{ ' --test' if params.test else '' }}"
            ),
            append_env=True,
            output_processor=json.loads,
            **kwargs,
        )

    def execute(self, context: Context) -> Any:
        """Look, or send a test alert."""
        if lanes_first() and not context["params"]["test"]:
            raise AirflowSkipException("the stack has just begun: all of it is late")
        return super().execute(context)
