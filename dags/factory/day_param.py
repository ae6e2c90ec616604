"""A day, as the forms of DAGs ask for it."""

from airflow.sdk import Param


def day(title: str, about: str) -> Param:
    """Return a day (UTC) that may be left out."""
    return Param(
        None,
        type=["null", "string"],
        format="date",
        title=f"{title} (UTC)",
        description=about,
    )
