"""Decimal arithmetic that DuckDB would do in doubles: products' sums, and ratios."""

from decimal import ROUND_HALF_UP, Decimal, localcontext

import duckdb

PLACES = Decimal("1e-18")
MOST = Decimal("1e20")
"""What no DECIMAL(38, 18) holds; a figure that reaches it is NULL, as in the tables."""
LIMBS = ("ones", "nanos", "attos")
"""A decimal of 18 places as three whole numbers: 1, 10^-9 and 10^-18 of each."""
DECIMAL = "DECIMAL(38, 18)"


def make_known(engine: duckdb.DuckDBPyConnection) -> None:
    """Let a connection say `exact_ratio(paid, volume)` and `exact_sum(...)`."""
    engine.create_function("exact_ratio", exact_ratio, [DECIMAL, DECIMAL], DECIMAL)
    engine.create_function("exact_sum", exact_sum, ["HUGEINT"] * 5, DECIMAL)


def exact_ratio(paid: Decimal, volume: Decimal) -> Decimal | None:
    """Return quote volume by volume to 18 places, rounded half up as the tables' are.

    DuckDB divides decimals as doubles.
    """
    with localcontext(prec=76, rounding=ROUND_HALF_UP):
        ratio = (paid / volume).quantize(PLACES) if volume else None
    return ratio if ratio is not None and abs(ratio) < MOST else None


def exact_sum(e0: int, e9: int, e18: int, e27: int, e36: int) -> Decimal | None:
    """Return the sum of parts, each of which counts 10 to the minus what it is named.

    Rounded half up to 18 places; None where no decimal holds it.
    """
    whole = (((e0 * 10**9 + e9) * 10**9 + e18) * 10**9 + e27) * 10**9 + e36
    with localcontext(prec=76, rounding=ROUND_HALF_UP):
        paid = Decimal(whole).scaleb(-36).quantize(PLACES)
    return paid if paid < MOST else None


def limbs(column: str) -> str:
    """Return the columns, such as `price_ones`, that a decimal column is split into."""
    rest = f"({column} - floor({column}))::DECIMAL(18, 18)"
    atto = f"({rest} * 1000000000000000000::DECIMAL(19, 0))::BIGINT"
    return (
        f"floor({column})::HUGEINT AS {column}_ones, "
        f"{atto} // 1000000000 AS {column}_nanos, "
        f"{atto} % 1000000000 AS {column}_attos"
    )


def sum_of(column: str) -> str:
    """Return the SQL of a column's sum, over rows that have its limbs."""
    parts = (f"sum({column}_{limb})::HUGEINT" for limb in LIMBS)
    return f"exact_sum({', '.join(parts)}, 0::HUGEINT, 0::HUGEINT)"


def sum_of_products(a: str, b: str) -> str:
    """Return the SQL of an exact sum of a times b, over rows that have their limbs.

    DuckDB's product of two such decimals overflows; these partial ones never do where
    each product is below 10^20, and of a larger one the caller makes NULL.
    """
    ones_a, nanos_a, attos_a = (f"{a}_{limb}" for limb in LIMBS)
    ones_b, nanos_b, attos_b = (f"{b}_{limb}" for limb in LIMBS)
    parts = (
        f"{ones_a} * {ones_b}",
        f"{ones_a} * {nanos_b} + {nanos_a} * {ones_b}",
        f"{ones_a} * {attos_b} + {nanos_a} * {nanos_b} + {attos_a} * {ones_b}",
        f"{nanos_a} * {attos_b} + {attos_a} * {nanos_b}",
        f"{attos_a} * {attos_b}",
    )
    return f"exact_sum({', '.join(f'sum({part})::HUGEINT' for part in parts)})"
