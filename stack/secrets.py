"""Secrets of this laptop: random, made once, for its owner's eyes only."""

import json
import os
import secrets
from pathlib import Path

from stack.place import Place

NAMES = (
    "postgres",
    "airflow",
    "catalog",
    "registry",
    "s3_access_key",
    "s3_secret_key",
    "airflow_api",
    "airflow_jwt",
    "airflow_fernet",
)
PEOPLE = {"admin": "admin", "approver": "user", "operator": "op", "viewer": "viewer"}
"""Who may log in to Airflow, and their role there.

Who looks, runs DAGs, or decides at *Required actions* (`BULLION_APPROVERS`) are three.
"""


def kept(place: Place) -> dict[str, str]:
    """Return the secrets by name; those that are missing are made and written."""
    file = place.home / "secrets.json"
    have = json.loads(file.read_text()) if file.exists() else {}
    missing = [name for name in NAMES if name not in have]
    if missing:
        have |= {name: secrets.token_hex(20) for name in missing}
        write_private(file, json.dumps(have, indent=1))
    return {name: str(value) for name, value in have.items()}


def passwords(place: Place) -> Path:
    """Return the file of Airflow's people and their passwords; who is missing comes."""
    file = place.home / "airflow/passwords.json"
    have = json.loads(file.read_text()) if file.exists() else {}
    missing = [name for name in PEOPLE if name not in have]
    if missing:
        have |= {name: secrets.token_urlsafe(15) for name in missing}
        write_private(file, json.dumps(have))
    return file


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)
    new.replace(file)
