"""Airflow: the DAG that deletes the files which no snapshot knows, once a week."""

from dags.factory.upkeep import upkeep_dag

dag = upkeep_dag(
    "orphans --delete",
    "30 4 * * 0",
    "Deletes what writers that died left behind, at least three days old.",
    """
### What this is
Each table in turn: its files are listed and compared with all snapshots; what none of
them knows, and is older than `BULLION_KEEP_ORPHANS_DAYS`, goes. To look only:
`python -m spark_apps.run orphans` without `--delete`.

### When it is red
- **`TooManyOrphans`:** more files would go than the table has; nothing was deleted.
  Look at the paths that the log names: most likely they are compared wrongly.
""",
)
