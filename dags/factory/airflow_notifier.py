"""Alerts by any notifier of Airflow's own: e-mail, or Slack where it is installed."""

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from airflow.sdk.bases.notifier import BaseNotifier

ARGUMENTS = "BULLION_AIRFLOW_NOTIFIER_ARGUMENTS"


class ByAirflow:
    """What `BULLION_NOTIFIER=dags.factory.airflow_notifier:ByAirflow` names.

    `BULLION_AIRFLOW_NOTIFIER` is the class of a notifier, `module:name`, and its
    arguments are a JSON object, in whose templates `title`, `text` and `notice` stand.
    Its connection comes by the environment, such as `AIRFLOW_CONN_SMTP_DEFAULT`: the
    watch is a process of its own, and asks no Airflow for it.
    """

    name = "airflow"

    def __init__(self, env: Mapping[str, str]) -> None:
        module, _, name = env["BULLION_AIRFLOW_NOTIFIER"].partition(":")
        self.notifier: type[BaseNotifier] = getattr(import_module(module), name)
        self.arguments = json.loads(env.get(ARGUMENTS) or "{}")

    def send(self, notice: Mapping[str, Any]) -> None:
        """Deliver one notice; whatever the notifier raises says that it was not."""
        told = {"title": notice["title"], "text": notice["text"], "notice": notice}
        # Rendering changes a notifier: each notice has one of its own.
        self.notifier(**self.arguments)(told)
