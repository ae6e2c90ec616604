"""What was made of words that come again and again."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Given = TypeVar("Given", bound=Hashable)
Made = TypeVar("Made")
MOST = 4096


class Kept(dict[Given, Made], Generic[Given, Made]):
    """Makes something of a thing once: to ask again is one look into a dictionary.

    It is emptied once it is full, which costs less than to know what is old. What is
    not small is made each time, since an exchange may send 10 MB as a word.
    """

    def __init__(
        self, make: Callable[[Given], Made], small: Callable[[Given], bool]
    ) -> None:
        super().__init__()
        self._make = make
        self._small = small

    def __missing__(self, given: Given) -> Made:
        made = self._make(given)
        if self._small(given):
            if len(self) >= MOST:
                self.clear()
            self[given] = made
        return made
