"""What an open page looks at: the view that it names when it asks for news."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from luigi_clone._scheduler.paging import seconds_of
from luigi_clone._scheduling.query import Query, QueryError, parse
from luigi_clone._wire.tickets import RefusedError

MOST_IDS = 500
TOPICS = frozenset(("workers", "resources", "overview"))
"""``overview`` is a matter of the counts, which every page is told."""
_LONGEST_QUERY = 10_000


class View(NamedTuple):
    """Tasks that are shown, the query of a list, and what else is shown."""

    ids: tuple[str, ...] = ()
    query: Query | None = None
    """None for a page that shows no list."""
    topics: frozenset[str] = frozenset()


def view_of(told: Any) -> View:
    """Return the view that a page names, as JSON or an object. Raises RefusedError if it makes no sense.

    A query that cannot be read is left out: the list says what is wrong with it.
    """
    if isinstance(told, str):
        try:
            told = json.loads(told)
        except (ValueError, RecursionError) as error:
            raise RefusedError(400, f"stream: 'view' is not JSON: {error}") from None
    if not isinstance(told, dict):
        raise RefusedError(400, "stream: 'view' has to be an object")
    ids, topics, query = told.get("ids") or [], told.get("topics") or [], told.get("query")
    if not _are_texts(ids) or len(ids) > MOST_IDS:
        raise RefusedError(400, f"stream: 'ids' of a view has to be a list of {MOST_IDS} texts at most")
    if not _are_texts(topics) or not TOPICS.issuperset(topics):
        raise RefusedError(400, f"stream: 'topics' of a view are some of {', '.join(sorted(TOPICS))}")
    if query is not None and (not isinstance(query, str) or len(query) > _LONGEST_QUERY):
        raise RefusedError(400, f"stream: 'query' has to be a text of {_LONGEST_QUERY:,} characters at most")
    return View(tuple(dict.fromkeys(ids)), None if query is None else _read(query), frozenset(topics))


def _are_texts(told: Any) -> bool:
    return isinstance(told, list) and all(isinstance(one, str) for one in told)


def _read(query: str) -> Query | None:
    try:
        return parse(query, seconds_of)
    except QueryError:
        return None
