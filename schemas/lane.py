"""Which table is streamed into which, in every lane: the one place that says so."""

STREAMED = (("bronze.trades", "silver.trades"), ("silver.trades", "gold.trades"))
"""What is read, and the table whose stream reads it, in the order of a run."""


def readers(address: str) -> tuple[str, ...]:
    """Return the addresses of the tables whose streams read this one."""
    return tuple(reader for source, reader in STREAMED if source == address)
