"""Links of a page, led from the repository to the site."""

import posixpath
import re
from collections.abc import Iterator, Mapping

LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#:]+)(?P<anchor>#[^)\s]*)?(?=\))")
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video)\b[^>]*?\bsrc=["']?(https?:)?//
      | <link\b(?=[^>]*?\brel=["']?(?:stylesheet|preload|preconnect|icon))
              [^>]*?\bhref=["']?(https?:)?//""",
    re.VERBOSE,
)


def relinked(text: str, source: str, page: str, pages: Mapping[str, str]) -> str:
    """Return the text of a file of the repository with links as its page needs them.

    `source` is the file's path in the repository and `page` its path in the site;
    `pages` has the path in the site of each file that is a page there. What is no page
    keeps its link, so that a strict build says so.
    """

    def led(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        if target not in pages:
            return link[0]
        there = posixpath.relpath(pages[target], posixpath.dirname(page) or ".")
        return there + (link["anchor"] or "")

    return LINK.sub(led, text)


def fetched(html: str) -> Iterator[str]:
    """Return what a page would load from another host, which offline is not there."""
    for found in FETCHED.finditer(html):
        yield html[found.start() : html.find(">", found.start()) + 1]
