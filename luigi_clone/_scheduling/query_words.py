"""A query in plain words, for "Reads as …"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from luigi_clone._scheduling.query import Term

_STATE_WORDS = {
    "upfailed": "upstream failed",
    "missing": "missing input",
    "updisabled": "upstream disabled",
    "batch": "in batch",
    "uprunning": "upstream running",
}
_GROUP_WORDS = {
    "attention": "that need attention",
    "moving": "that move",
    "waiting": "that wait",
    "finished": "that are finished",
}
_COMPARISONS = {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}
_TIMES = {"<": "before", "<=": "until", ">": "after", ">=": "since"}


def in_words(terms: Sequence[Term], about_state: Sequence[Term]) -> str:
    """Return what a query asks for: ``Failed tasks of family Delays*, not with carrier ev``."""
    kinds = [
        _any(_STATE_WORDS.get(value.text, value.shown.lower()) for value in term.values)
        for term in about_state
        if term.key == "status" and not term.negated
    ]
    begin = " and ".join(kinds)
    phrases = [_phrase(term) for term in about_state if term.key == "is" or term.negated]
    phrases += [_phrase(term) for term in terms]
    if not begin and not phrases:
        return "All tasks"
    subject = f"{begin[0].upper()}{begin[1:]} tasks" if begin else "Tasks"
    return subject + "".join(
        phrase if not number else f", {phrase.lstrip()}" for number, phrase in enumerate(phrases)
    )


def _phrase(term: Term) -> str:
    values = _any(value.shown or '""' for value in term.values)
    no = " not" if term.negated else ""
    if term.key == "is":
        groups = _any(_GROUP_WORDS.get(value.text, value.shown) for value in term.values)
        return f"{no} {groups}"
    if term.key == "status":
        return f" not {_any(_STATE_WORDS.get(value.text, value.shown.lower()) for value in term.values)}"
    if not term.key:
        return f"{no} with “{term.values[0].shown}”"
    if term.key == "updated":
        how = "at" if term.comparison == ":" else _TIMES[term.comparison]
        return f"{no} updated {how} {values}"
    if term.comparison != ":":
        return f"{no} with {term.key} {_COMPARISONS[term.comparison]} {values}"
    preposition = {"family": "of family", "worker": "on worker", "resource": "that use"}.get(term.key)
    return f"{no} {preposition} {values}" if preposition else f"{no} with {term.key} {values}"


def _any(words: Iterable[str]) -> str:
    return " or ".join(words)
