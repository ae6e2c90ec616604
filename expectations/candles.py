"""What must be true of a candle, whatever trades it was made from."""

from collections.abc import Mapping
from datetime import timedelta

from expectations.rule import Rule

# Each product of price and quantity is rounded behind its 18th place, and so is their
# sum divided by the volume; doubles, by which it is compared, have 15 digits.
SLACK = "(trade_count + 1) * 1e-18 / CAST(volume AS DOUBLE) + 1e-18 + high * 1e-14"


def rules(width: timedelta) -> tuple[Rule, ...]:
    """Return the rules of candles of one width.

    A sum that no decimal holds is NULL, and breaks no rule here: `without_sums` of the
    suite counts such candles.
    """
    seconds = width // timedelta(seconds=1)
    prices, volume = "price_validation", "volume_validation"
    return (
        Rule(prices, "high_below_low", "high_price >= low_price"),
        Rule(prices, "price_must_be_positive", "low_price > 0"),
        Rule(prices, "open_outside", "open_price BETWEEN low_price AND high_price"),
        Rule(prices, "close_outside", "close_price BETWEEN low_price AND high_price"),
        Rule(
            prices,
            "vwap_outside",
            "vwap IS NULL OR volume <= 0 OR CAST(vwap AS DOUBLE) "
            f"BETWEEN low - ({SLACK}) AND high + ({SLACK})",
            (
                ("low", "CAST(low_price AS DOUBLE)"),
                ("high", "CAST(high_price AS DOUBLE)"),
            ),
        ),
        Rule(volume, "volume_must_be_positive", "volume IS NULL OR volume > 0"),
        Rule(
            volume,
            "taker_buy_volume_outside",
            "taker_buy_volume IS NULL OR volume IS NULL "
            "OR taker_buy_volume BETWEEN 0 AND volume",
        ),
        Rule("count_validation", "without_trades", "trade_count >= 1"),
        Rule(
            "window_validation",
            "window_not_aligned",
            f"epoch_us(window_start) % {seconds * 1_000_000} = 0 "
            "AND epoch_us(window_end) - epoch_us(window_start) "
            f"= {seconds * 1_000_000} AND window_date = CAST(window_start AS DATE)",
        ),
    )


WHY: Mapping[str, str] = {
    "high_below_low": "The highest price is at least the lowest.",
    "price_must_be_positive": "No trade has a price of nothing or less.",
    "open_outside": "The first price is one of those between low and high.",
    "close_outside": "The last price is one of those between low and high.",
    "vwap_outside": "A mean lies between the least and the most, but for what is "
    "rounded behind the 18th place of each trade.",
    "volume_must_be_positive": "A candle has a trade, and that a quantity.",
    "taker_buy_volume_outside": "What takers bought is a part of what was traded.",
    "without_trades": "There is no candle of a window in which nothing traded.",
    "window_not_aligned": "Windows begin at whole multiples of their width in UTC, are "
    "one width long, and lie on the day that they name.",
}
"""Of each rule, what it says."""
