"""`python -m stack.packages ENV`: one environment, Java and the jars, for an image."""

import sys

from stack.environments import build
from stack.jars import fetch
from stack.place import Place

if __name__ == "__main__":
    place = Place.read()
    build(place, sys.argv[1])
    fetch(place)
