"""The handbook: docs/ and what the code says of itself, as one site."""
