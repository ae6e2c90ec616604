"""Why a question could not be answered, as one sentence that says what to do next."""

from pyiceberg.exceptions import NoSuchTableError
from sqlalchemy.exc import OperationalError, ProgrammingError

from query.reading.refused import QueryRefused

MENDABLE = (
    KeyError,
    QueryRefused,
    OperationalError,
    NoSuchTableError,
    ProgrammingError,
)
"""What a person can mend."""
MOST = 300
"""Characters of a message that is not ours."""


def why(error: Exception) -> str:
    """Return what a person can mend, in words; else what the error says of itself."""
    match error:
        case QueryRefused():
            return str(error)
        case OperationalError():
            return "the catalog does not answer: is the stack running? ./bullion up"
        case NoSuchTableError() | ProgrammingError():
            return "the tables are not there yet: ./bullion up makes them"
        case KeyError():
            return (
                f"{error.args[0]} is not set: see .env.example, or use ./bullion"
                if str(error.args[0]).startswith("BULLION_")
                else f"{error.args[0]!r} is missing in what was read"
            )
        case _:
            said = str(error).strip().split("\n")[0][:MOST]
            return f"{type(error).__name__}: {said}" if said else type(error).__name__
