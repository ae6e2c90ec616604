"""Airflow: the DAG that compacts, merges manifests and expires snapshots each hour."""

from dags.factory.upkeep import upkeep_dag

dag = upkeep_dag(
    "upkeep",
    "15 * * * *",
    "Compacts closed hours, rewrites manifests, expires snapshots nobody needs.",
    """
### What this is
Each table in turn: small files of closed hours become few, closed partitions are
sorted, many manifests become few, and snapshots expire that no stream needs any more. A
table that needs nothing costs a second. The report is the XCom.

### When it is red
The lanes run on, and the next hour repeats it. The log's last lines name the tables.
- **`HistoryGone`:** a stream's place has expired; its table is left as it is until the
  stream is restored. Tables that nobody expires grow: do it today.
- **Anything else, three times in a row:** look at `./bullion health`, then at
  docs/runbooks/upkeep.md.
""",
)
