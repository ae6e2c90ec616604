"""How dead letters that a person refused at the gate are known."""

STAGE = "gate"
PLACE = ("kafka_partition", "kafka_offset")
"""Where in its exchange's topic a row came from."""
