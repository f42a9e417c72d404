"""The language in which pages ask for tasks: reading it, and saying in plain words what was read.

``family:Delays* status:failed,disabled priority>5 -carrier:EV "free text"``: terms are ANDed, commas mean or,
``*`` stands for anything, ``-`` negates, quotes hold spaces. Keys are ``status``, ``is``, ``family``,
``worker``, ``resource``, ``priority``, ``updated``, and the names of parameters. ``status:pending`` is the
page's state, ``status:PENDING`` all of Luigi's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from luigi_clone._scheduling.shown import GROUPS, LUIGI_STATUSES, STATES

LONGEST = 4_000
"""So many characters a query may have."""
MOST_TERMS = 50

_WORDS = ("status", "is", "family", "worker", "resource")
_NUMBERS = ("priority", "updated")


class QueryError(ValueError):
    """A query that cannot be read: ``start`` and ``end`` are where its bad term stands."""

    def __init__(self, start: int, end: int, text: str) -> None:
        super().__init__(text)
        self.start = start
        self.end = end
        self.text = text


class Term(NamedTuple):
    """One condition. ``key`` is empty for free words; ``comparison`` is one of ``: < <= > >=``."""

    key: str
    comparison: str
    values: tuple[Value, ...]
    negated: bool
    start: int
    end: int


class Value(NamedTuple):
    """One of the values of a term, with what it is compared by."""

    shown: str
    """As it was written."""
    text: str
    """In lower case."""
    parts: tuple[str, ...] | None
    """What stands before, between and after the ``*``; None if there is none."""
    number: float | None

    def fits(self, lowered: str) -> bool:
        """Tell whether a text in lower case is this value: in time that grows with its length only."""
        parts = self.parts
        if parts is None:
            return lowered == self.text
        first, last = parts[0], parts[-1]
        place, end = len(first), len(lowered) - len(last)
        if place > end or not lowered.startswith(first) or not lowered.endswith(last):
            return False
        for part in parts[1:-1]:
            found = lowered.find(part, place, end)
            if found < 0:
                return False
            place = found + len(part)
        return True

    def is_in(self, lowered: str) -> bool:
        """Tell whether a text in lower case holds this value somewhere."""
        place = 0
        for part in self.parts or (self.text,):
            found = lowered.find(part, place)
            if found < 0:
                return False
            place = found + len(part)
        return True


class Query(NamedTuple):
    """What was read. ``states`` are those that its terms about the state leave; None if there are none."""

    text: str
    terms: tuple[Term, ...]
    """All but those about the state."""
    states: frozenset[str] | None
    reads: str


class _Token(NamedTuple):
    text: str
    """Without quotes."""
    quoted: tuple[bool, ...]
    """For each character of ``text``, whether it stood in quotes."""
    start: int
    end: int


def parse(text: str, moment: Callable[[str], float | None] | None = None) -> Query:
    """Read a query. ``moment`` returns the seconds that a date or time stands for, None for another text.

    Raises :class:`QueryError` with the position of what cannot be read.
    """
    if len(text) > LONGEST:
        raise QueryError(LONGEST, len(text), f"A query may have {LONGEST:,} characters at most.")
    tokens = _tokens(text)
    if len(tokens) > MOST_TERMS:
        over = tokens[MOST_TERMS]
        raise QueryError(over.start, len(text), f"A query may have {MOST_TERMS} terms at most.")
    terms: list[Term] = []
    about_state: list[tuple[Term, frozenset[str]]] = []
    for token in tokens:
        term = _term(token, moment)
        if term.key in ("status", "is"):
            about_state.append((term, _states_of(term)))
        else:
            terms.append(term)
    states: frozenset[str] | None = None
    for term, named in about_state:
        left = frozenset(STATES) - named if term.negated else named
        states = left if states is None else states & left
    from luigi_clone._scheduling.query_words import in_words

    return Query(text, tuple(terms), states, in_words(terms, [term for term, _ in about_state]))


def _tokens(text: str) -> list[_Token]:
    tokens = []
    place, length = 0, len(text)
    while place < length:
        if text[place].isspace():
            place += 1
            continue
        start = place
        characters: list[str] = []
        quoted: list[bool] = []
        in_quotes = False
        opened = start
        while place < length and (in_quotes or not text[place].isspace()):
            if text[place] == '"':
                in_quotes = not in_quotes
                opened = place
                if in_quotes:  # an empty text in quotes is a value, too
                    quoted.append(True)
                    characters.append("")
            else:
                characters.append(text[place])
                quoted.append(in_quotes)
            place += 1
        if in_quotes:
            raise QueryError(opened, length, 'The quotation mark " is never closed.')
        tokens.append(_Token("".join(characters), _marks(characters, quoted), start, place))
    return tokens


def _marks(characters: list[str], quoted: list[bool]) -> tuple[bool, ...]:
    return tuple(mark for character, mark in zip(characters, quoted, strict=True) if character)


def _term(token: _Token, moment: Callable[[str], float | None] | None) -> Term:
    text, quoted = token.text, token.quoted
    begin = 0
    if len(text) > 1 and text[0] == "-" and not quoted[0]:
        begin = 1
    split = next(
        (place for place in range(begin, len(text)) if text[place] in ":<>" and not quoted[place]), None
    )
    if split is None or split == begin:
        if split == begin and len(text) > begin:
            raise _bad(token, f"Before {text[begin]!r} there has to be a key, as in status:failed.")
        value = _value(text[begin:], quoted[begin:], None)
        if not value.text:
            raise _bad(token, "There is nothing to look for in this term.")
        return Term("", ":", (value,), begin == 1, token.start, token.end)
    key, comparison, after = text[begin:split], text[split], split + 1
    if comparison != ":" and text[after : after + 1] == "=" and not quoted[after]:
        comparison, after = comparison + "=", after + 1
    if key.lower() in (*_WORDS, *_NUMBERS):
        key = key.lower()
    rest, marks = text[after:], quoted[after:]
    if not rest and token.end - token.start == len(text):
        raise _bad(token, f"After {key}{comparison} a value is missing.")
    if comparison != ":" and key in _WORDS:
        raise _bad(token, f"{key} has no order: write {key}:{rest or 'value'}.")
    values = tuple(
        _value(part, part_marks, _number(key, part, moment)) for part, part_marks in _parts(rest, marks)
    )
    for value in values:
        _check_value(token, key, comparison, value, moment)
    return Term(key, comparison, values, begin == 1, token.start, token.end)


def _parts(text: str, quoted: tuple[bool, ...]) -> list[tuple[str, tuple[bool, ...]]]:
    """Split at the commas that do not stand in quotes."""
    parts = []
    start = 0
    for place, character in enumerate(text):
        if character == "," and not quoted[place]:
            parts.append((text[start:place], quoted[start:place]))
            start = place + 1
    parts.append((text[start:], quoted[start:]))
    return parts


def _number(key: str, text: str, moment: Callable[[str], float | None] | None) -> float | None:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if number == number:
        return number
    return moment(text) if key == "updated" and moment is not None else None


def _check_value(
    token: _Token, key: str, comparison: str, value: Value, moment: Callable[[str], float | None] | None
) -> None:
    if key in _NUMBERS and value.number is None:
        expected = "a number" if key == "priority" else "a date or time, such as 2013-07-01 or 12:30"
        raise _bad(token, f"{value.shown!r} is not {expected}, as {key} needs.")
    if comparison != ":" and not value.text:
        raise _bad(token, f"After {key}{comparison} a value is missing.")
    if comparison != ":" and value.parts is not None:
        raise _bad(token, f"With {comparison} there can be no *.")


def _value(text: str, quoted: tuple[bool, ...], number: float | None) -> Value:
    """Return a value; ``*`` in quotes is just a character."""
    parts = [""]
    for character, mark in zip(text, quoted, strict=True):
        if character == "*" and not mark:
            parts.append("")
        else:
            parts[-1] += character
    if len(parts) == 1:
        return Value(text, text.lower(), None, number)
    lowered = [part.lower() for part in parts]
    between = [part for part in lowered[1:-1] if part]
    return Value(text, text.lower(), (lowered[0], *between, lowered[-1]), number)


def _states_of(term: Term) -> frozenset[str]:
    found: set[str] = set()
    for value in term.values:
        words = _named_states(term.key, value)
        if not words:
            known = ", ".join(GROUPS if term.key == "is" else STATES)
            raise QueryError(
                term.start, term.end, f"{value.shown!r} is no {_NOUN[term.key]}. There is: {known}."
            )
        found.update(words)
    return frozenset(found)


_NOUN = {"status": "status", "is": "group of states"}


def _named_states(key: str, value: Value) -> set[str]:
    if key == "is":
        return {state for group, states in GROUPS.items() if value.fits(group) for state in states}
    if value.shown in LUIGI_STATUSES:  # in capital letters
        return set(LUIGI_STATUSES[value.shown])
    found = {state for state in STATES if value.fits(state)}
    if not found or value.parts is not None:
        for status, states in LUIGI_STATUSES.items():
            if value.fits(status.lower()):
                found.update(states)
    return found


def _bad(token: _Token, text: str) -> QueryError:
    return QueryError(token.start, token.end, text)
