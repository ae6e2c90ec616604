"""Rows in and rows out, from the accounts that each batch left."""

from typing import Any

from query.reading.lake import Lake
from query.show import answered

ACCOUNTS = """
WITH silver AS (
    SELECT exchange, sum(bronze_rows)::BIGINT AS bronze_rows,
           sum(silver_rows)::BIGINT AS silver_rows,
           sum(dead_letters)::BIGINT AS dead_letters,
           strftime(min(run_at) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS since
    FROM silver_accounting GROUP BY ALL),
gold AS (
    SELECT exchange, sum(silver_rows)::BIGINT AS gold_read,
           sum(inserted)::BIGINT AS inserted, sum(duplicates)::BIGINT AS duplicates,
           sum(conflicts)::BIGINT AS conflicts,
           sum(coalesce(refused, 0))::BIGINT AS refused
    FROM gold_accounting GROUP BY ALL)
SELECT exchange, coalesce(since, '') AS since, coalesce(bronze_rows, 0) AS bronze_rows,
       coalesce(silver_rows, 0) AS silver_rows,
       coalesce(dead_letters, 0) AS dead_letters, coalesce(gold_read, 0) AS gold_read,
       coalesce(inserted, 0) AS inserted, coalesce(duplicates, 0) AS duplicates,
       coalesce(conflicts, 0) AS conflicts, coalesce(refused, 0) AS refused
FROM silver FULL JOIN gold USING (exchange) ORDER BY ALL"""


def accounting(lake: Lake) -> list[dict[str, Any]]:
    """Return for each exchange the sums of all batches that are kept.

    `bronze_rows` became `silver_rows` or `dead_letters`; of the `gold_read` of them
    gold took `inserted`, found `duplicates` (the `conflicts` among them) and left out
    `refused`. `lost` is what neither sum holds, and is 0 unless rows vanished or came
    from nowhere. `waiting` is what silver has and gold did not read yet.
    """
    names, found = lake.read(ACCOUNTS, answered)
    return [balanced(dict(zip(names, row, strict=True))) for row in found]


def balanced(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with what is lost, layer by layer without sign, and waiting."""
    out = row["inserted"] + row["duplicates"] + row["refused"]
    to_silver = row["bronze_rows"] - row["silver_rows"] - row["dead_letters"]
    to_gold = row["gold_read"] - out
    return row | {
        "lost": abs(to_silver) + abs(to_gold),
        "waiting": row["silver_rows"] - row["gold_read"],
    }
