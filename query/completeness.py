"""What the ledger proves: which trade ids gold holds, which it lacks, and why."""

from typing import Any

from query.reading.lake import Lake
from query.show import answered
from schemas.exchange import counts_trades

OPEN_SHOWN = 20
SYMBOLS = """
WITH held AS (
    SELECT exchange, symbol, min(first_id) AS first_id, max(last_id) AS last_id,
           sum(last_id - first_id + 1)::BIGINT AS held,
           min(first_timestamp) AS since, max(last_timestamp) AS until
    FROM trade_ranges GROUP BY ALL),
gaps AS (
    SELECT exchange, symbol, count(*) AS found,
           count(*) FILTER (state IN ('open', 'filling')) AS open,
           count(*) FILTER (state = 'filled') AS filled,
           count(*) FILTER (state = 'absent') AS absent,
           sum(missing)::BIGINT AS missing,
           sum(CASE WHEN state = 'filled'
               THEN last_missing_id - first_missing_id + 1 ELSE 0 END)::BIGINT
               AS recovered
    FROM trade_gaps GROUP BY ALL)
SELECT exchange, symbol, first_id, last_id, held,
       last_id - first_id + 1 - held AS lacking,
       coalesce(missing, 0) AS missing, coalesce(found, 0) AS gaps,
       coalesce(open, 0) AS open, coalesce(filled, 0) AS filled,
       coalesce(absent, 0) AS absent, coalesce(recovered, 0) AS recovered,
       strftime(since AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS since,
       strftime(until AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS until
FROM held LEFT JOIN gaps USING (exchange, symbol) ORDER BY ALL"""
LACKING = f"""
SELECT exchange, symbol, first_missing_id, last_missing_id, state, missing,
       coalesce(cause, '') AS cause,
       strftime(after_timestamp AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS after,
       strftime(before_timestamp AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS before,
       strftime(found_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS found,
       coalesce(evidence::JSON ->> '$.last.error', '') AS error
FROM trade_gaps WHERE state IN ('open', 'filling')
ORDER BY found_at, exchange, symbol, first_missing_id LIMIT {OPEN_SHOWN}"""

COUNTED = """
SELECT exchange, symbol, count(*) FILTER (state <> 'open') AS spans,
       sum(CASE WHEN state <> 'open' THEN at_exchange ELSE 0 END)::BIGINT
           AS at_exchange,
       sum(CASE WHEN state <> 'open' THEN in_gold ELSE 0 END)::BIGINT AS in_gold,
       sum(CASE WHEN state = 'short' THEN at_exchange - in_gold ELSE 0 END)::BIGINT
           AS short
FROM trade_counts
WHERE asked_at > now() - INTERVAL 1 DAY AND exchange IN ({names})
GROUP BY ALL"""
COMPARED = f"""
WITH came AS (
    SELECT exchange, symbol, count(*) AS trades,
           count(*) FILTER (map_extract(vendor_data, 'origin')[1] = 'rest') AS by_rest,
           strftime(max(timestamp) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS until
    FROM gold_crypto_trades
    WHERE timestamp > now() - INTERVAL 1 HOUR AND exchange IN ({{names}})
    GROUP BY ALL),
counted AS ({COUNTED})
SELECT exchange, symbol, coalesce(trades, 0) AS trades,
       coalesce(by_rest, 0) AS by_rest, coalesce(until, '') AS until,
       coalesce(spans, 0) AS spans, coalesce(at_exchange, 0) AS at_exchange,
       coalesce(in_gold, 0) AS in_gold, coalesce(short, 0) AS short
FROM came FULL JOIN counted USING (exchange, symbol) ORDER BY ALL"""


def completeness(lake: Lake) -> dict[str, Any]:
    """Return each symbol's ids and gaps, the oldest open gaps, and the verdict.

    `complete` is whether every id since capture began, and within each day that was
    brought from before, is in gold, or is proven to be absent at the exchange, as far
    as the ledger has read. `lacking` also counts days of the past that nobody asked
    for.

    `proven` names the exchanges whose ids count their trades; of those in `unproven`
    nothing is proven. Of these `compared` tells how many trades of the last hour no
    stream had brought, and REST did; and of the spans of the last day that REST was
    asked for, how many trades it had, and how many gold. Where gold has fewer, nothing
    is complete.
    """
    symbols = rows(lake, SYMBOLS)
    lacking = rows(lake, LACKING)
    proven = [each.upper() for each in lake.settings.exchanges if counts_trades(each)]
    unproven = [
        each.upper() for each in lake.settings.exchanges if not counts_trades(each)
    ]
    compared = about(lake, COMPARED, unproven)
    lacks = any(each["open"] for each in symbols) or any(e["short"] for e in compared)
    return {
        "proven": proven,
        "unproven": unproven,
        "compared": compared,
        "complete": bool(symbols) and not lacks,
        "missing": sum(each["missing"] for each in symbols),
        "symbols": symbols,
        "open": lacking,
    }


def owing(lake: Lake) -> dict[str, Any]:
    """Return the part of `completeness` that says what is owed, at little cost."""
    unproven = [
        each.upper() for each in lake.settings.exchanges if not counts_trades(each)
    ]
    return {"open": rows(lake, LACKING), "compared": about(lake, COUNTED, unproven)}


def about(lake: Lake, text: str, exchanges: list[str]) -> list[dict[str, Any]]:
    """Return the rows of a query about some exchanges; none if there are none."""
    names = ", ".join(f"'{each}'" for each in exchanges)
    return rows(lake, text.format(names=names)) if exchanges else []


def rows(lake: Lake, text: str) -> list[dict[str, Any]]:
    names, found = lake.read(text, answered)
    return [dict(zip(names, row, strict=True)) for row in found]
