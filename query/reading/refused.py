"""The one error of reading that a person can mend by asking otherwise."""


class QueryRefused(Exception):
    """A query that cannot be answered; the message says what could be meant."""
