"""The schema registry, read over its Confluent API; an id never changes its schema."""

import json
import time
from collections.abc import Iterable
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen


class RegistryUnreachable(Exception):
    """Nothing is known about any id: leave the rows where they are, and try later."""


def registered(url: str, subject: str) -> dict[int, str]:
    """Return the schemas of a subject, all versions, by id; none if it is unknown."""
    versions = _get(f"{url}/subjects/{subject}/versions") or []
    found = (_get(f"{url}/subjects/{subject}/versions/{v}") for v in versions)
    return {int(each["id"]): str(each["schema"]) for each in found if each}


def resolved(url: str, ids: Iterable[int], tries: int = 4) -> dict[int, str]:
    """Return the schemas of these ids, as far as the registry knows them.

    An id may be so new that the registry's replica lacks it: it is asked for again
    each second, `tries` times in all.
    """
    found: dict[int, str] = {}
    for attempt in range(tries):
        missing = sorted(set(ids) - found.keys())
        for schema_id in missing:
            answer = _get(f"{url}/schemas/ids/{schema_id}")
            if answer:
                found[schema_id] = str(answer["schema"])
        if found.keys() >= set(ids) or attempt == tries - 1:
            break
        time.sleep(1)
    return found


def _get(address: str) -> Any:
    """Return the answer, or None if the registry says that there is no such thing."""
    try:
        with urlopen(address, timeout=10) as answer:
            return json.load(answer)
    except HTTPError as error:
        if error.code == 404:
            return None
        raise RegistryUnreachable(f"{address}: {error}") from error
    except (URLError, TimeoutError, ConnectionError) as error:
        raise RegistryUnreachable(
            f"{address}: {error}; look at ./bullion logs registry"
        ) from error
