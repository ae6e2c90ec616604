"""Where Spark does its work: in each driver itself, or on a cluster of two workers."""

import json
from collections.abc import Mapping

from stack.place import CLUSTER, Place

PROFILES = ("local", "cluster")
SCHEME = "s3a://"
NOTES_IN_S3 = f"{SCHEME}lake/checkpoints"


def profile(place: Place) -> str:
    """Return what the last `up` was told; `local` before anything was."""
    file = place.home / "spark.json"
    told: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    return told.get("profile", "local")


def remember(place: Place, asked: str) -> None:
    """Keep the profile for `up` without options, and for every other command."""
    (place.home / "spark.json").write_text(json.dumps({"profile": asked}))


def on_cluster(place: Place) -> bool:
    return profile(place) == "cluster"


def ports_needed(place: Place, asked: str) -> Mapping[str, int]:
    """Return the ports that a profile uses."""
    if asked == "cluster":
        return place.ports
    return {name: port for name, port in place.ports.items() if name not in CLUSTER}


def checkpoints(place: Place) -> str:
    """Return where streams are to keep their notes: a folder, or an `s3a://` URL."""
    told = place.settings.get("BULLION_CHECKPOINTS")
    if told:
        return told
    return NOTES_IN_S3 if on_cluster(place) else str(place.home / "checkpoints")


def checkpoints_now(place: Place) -> str:
    """Return where the notes lie now; `up` moves them to where they are to be."""
    mark = place.home / "checkpoints.at"
    return mark.read_text() if mark.exists() else str(place.home / "checkpoints")


def master(place: Place) -> str:
    """Return the cluster's address as Spark names it; empty where there is none."""
    port = place.ports["SPARK_MASTER"]
    return f"spark://127.0.0.1:{port}" if on_cluster(place) else ""
