"""The settings of a script that was given none: those of its environment."""

import os

from query.reading.refused import QueryRefused
from query.settings import Settings


def settings_here() -> Settings:
    """Return what the environment says.

    Raises:
        QueryRefused: it says too little; the message names what, and who sets it.
    """
    try:
        return Settings.read(os.environ)
    except KeyError as missing:
        raise QueryRefused(
            f"{missing.args[0]} is not set: run the script by ./bullion python FILE, "
            "which sets it, or see .env.example"
        ) from missing
