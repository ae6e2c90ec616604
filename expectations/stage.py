"""How dead letters that a person refused at the gate are known."""

STAGE = "gate"
REFUSE = "refuse"
"""The decision by which rows become such letters; the other one is `admit`."""
TRADE = ("symbol", "trade_id")
"""By what the trades of an exchange are told apart: each copy of one is refused."""
