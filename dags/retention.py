"""Airflow: the DAG that drops the partitions which are older than their tables keep."""

from dags.factory.upkeep import upkeep_dag

dag = upkeep_dag(
    "retention",
    "5 0 * * *",
    "Drops whole partitions by the age in each table's spec, never unread rows.",
    """
### What this is
Each table in turn, just after the UTC day: partitions go that are older than the spec's
`kept_for`, or than `BULLION_KEEP_<TABLE>_DAYS`. It stops before rows that a stream has
yet to read; the report then says `held_by`.

### When it is red
- **`HistoryGone`:** what is unread cannot be told, so nothing is dropped; see `upkeep`.
- **`FilesCut`:** pause the lanes at once, and follow docs/runbooks/upkeep.md: the
  streams of that table stop at the snapshot that the log names.
""",
)
