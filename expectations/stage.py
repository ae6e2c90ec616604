"""How dead letters that a person refused at the gate are known."""

STAGE = "gate"
ADMIT, REFUSE = "admit", "refuse"
"""What a person may decide of rows before a closed gate."""
TRADE = ("symbol", "trade_id")
"""By what the trades of an exchange are told apart: each copy of one is refused."""
