"""The operators of completeness: find holes, ask the exchanges, note what they said."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from dags.factory.settings import environment, lanes_first
from dags.factory.spark_job import SparkJob


class FindJob(SparkJob):
    """Enters new trades into the ledger; skipped while gold has none."""

    def has_work(self, reads: str, writes: str) -> bool:
        """Return whether gold has trades that the ledger does not know.

        Just after a start that can wait for the lanes.
        """
        from expectations.ledger import unread

        return not lanes_first() and unread(environment())


class NoteJob(SparkJob):
    """Enters what exchanges answered; what it follows has asked them."""

    def has_work(self, reads: str, writes: str) -> bool:
        """Return that there is: without answers this task is skipped."""
        return True


class AskJob(BashOperator):
    """Runs `python -m ingestion WORDS`, which asks exchanges; the lanes go first."""

    def __init__(self, *, words: str, **kwargs: Any) -> None:
        super().__init__(
            bash_command=f'exec "$BULLION_SPARK_PYTHON" -m ingestion {words}',
            append_env=True,
            output_processor=json.loads,
            **kwargs,
        )

    def execute(self, context: Context) -> Any:
        """Return what it reports."""
        if lanes_first():
            raise AirflowSkipException("the stack has just begun: the lanes go first")
        self.prepare()
        return super().execute(context)

    def prepare(self) -> None:
        """Say what else the process must know."""


class CountJob(AskJob):
    """Asks for what REST has as newest; returns the counts."""

    def __init__(self, *, exchanges: Sequence[str], **kwargs: Any) -> None:
        super().__init__(words=f"count {' '.join(exchanges)}", **kwargs)


class FillJob(AskJob):
    """Asks for the ledger's holes and returns the answers; skipped without any."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(words='fill --holes "$HOLES"', **kwargs)

    def prepare(self) -> None:
        """Say which holes are open.

        Raises:
            AirflowSkipException: none is, that is not being filled.
        """
        from expectations.ledger import holes_to_fill, open_gaps, tell_capture

        env, now = environment(), datetime.now(UTC)
        gaps = open_gaps(env)
        tell_capture(gaps, env, now)
        holes = holes_to_fill(gaps, env, now)
        if not holes:
            raise AirflowSkipException("no hole is open that is not being filled")
        self.env = {"HOLES": json.dumps(holes)}
