"""What the newest audit of a day said, check by check."""

import json
from datetime import date
from typing import Any

from query.reading.lake import Lake
from query.reading.refused import QueryRefused
from query.show import answered

NEWEST = """
SELECT day::VARCHAR AS day, exchange, check_name, state, asked, expected, found,
       differing, samples, note, run_id,
       strftime(audited_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS audited_at
FROM audits WHERE day = {day}
QUALIFY audited_at = max(audited_at) OVER (PARTITION BY exchange)
ORDER BY exchange, state <> 'failed', check_name"""
LAST = "(SELECT arg_max(day, (audited_at, day)) FROM audits)"


def audit(lake: Lake, day: str = "") -> dict[str, Any]:
    """Return the newest audit of a day, or of the day that was audited last.

    Raises:
        QueryRefused: that is no day.
    """
    which = LAST
    if day:
        try:
            which = f"DATE '{date.fromisoformat(day)}'"
        except ValueError as error:
            raise QueryRefused(
                f"no day: {error}; give one such as 2026-11-05"
            ) from error
    names, rows = lake.read(NEWEST.format(day=which), answered)
    checks: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in rows]
    for each in checks:
        each["samples"] = json.loads(each["samples"])
    failed = sum(each["state"] == "failed" for each in checks)
    return {
        "day": checks[0]["day"] if checks else day or None,
        "checks": checks,
        "failed": failed,
        "passed": sum(each["state"] == "passed" for each in checks),
        "not_comparable": sum(each["state"] == "not comparable" for each in checks),
        "holds": bool(checks) and not failed,
    }
