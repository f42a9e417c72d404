"""The language of queries: it is read or refused with a place, and means what a plain reading of it means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luigi_clone._scheduling.query import LONGEST, QueryError, Value, parse
from luigi_clone._scheduling.shown import STATES
from luigi_clone.scheduler import Scheduler

NASTY = st.text(st.sampled_from('ab:<>=*,-"\\ \t\n\x00é%İisstatuworke'), max_size=40)


@given(st.text(max_size=60) | NASTY)
@settings(max_examples=500, deadline=None)
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        query = parse(text, lambda told: None)
    except QueryError as error:
        assert 0 <= error.start <= error.end <= len(text)
        assert error.text.endswith(".")
    else:
        assert isinstance(query.reads, str)
        assert query.states is None or query.states <= set(STATES)


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("a status:odd b", (2, 12), "'odd' is no status"),
        ("is:odd", (0, 6), "is no group"),
        ('a "b', (2, 4), "never closed"),
        ("a:", (0, 2), "value is missing"),
        (":a", (0, 2), "there has to be a key"),
        ("priority>x", (0, 10), "not a number"),
        ("updated<yesterday", (0, 17), "not a date"),
        ("family>x", (0, 8), "has no order"),
        ("day>=2*", (0, 7), "there can be no *"),
        ('""', (0, 2), "nothing to look for"),
    ],
)
def test_errors_name_the_term(text: str, place: tuple[int, int], says: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert (caught.value.start, caught.value.end) == place
    assert says in caught.value.text


def test_too_much_is_refused() -> None:
    with pytest.raises(QueryError, match="characters at most"):
        parse("a" * (LONGEST + 1))
    with pytest.raises(QueryError, match="terms at most"):
        parse("a " * 51)


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("", "All tasks"),
        ("status:failed family:Delays*", "Failed tasks of family Delays*"),
        ("status:failed,upfailed", "Failed or upstream failed tasks"),
        ("is:attention -carrier:EV", "Tasks that need attention, not with carrier EV"),
        ('"free text" priority>=3', "Tasks with “free text”, with priority at least 3"),
        ("-status:done worker:etl-02", "Tasks not done, on worker etl-02"),
    ],
)
def test_it_is_told_in_plain_words(text: str, reads: str) -> None:
    assert parse(text).reads == reads


def test_states_by_names_of_both_kinds() -> None:
    assert parse("status:PENDING").states == {
        *("upfailed", "missing", "updisabled", "uprunning", "ready", "pending")
    }
    assert parse("status:pending").states == {"pending"}
    assert parse("status:UPSTREAM_FAILED").states == {"upfailed"}
    assert parse("status:batch_running").states == {"batch"}
    assert parse("status:up* -status:upfailed").states == {"updisabled", "uprunning"} | {
        state for state in parse("status:up*").states or () if state == "missing"
    }
    assert parse("is:moving status:running").states == {"running"}


# ---- meaning, compared with a plain reading


def fits(value: str, text: str) -> bool:
    """Compare in the plainest way: with every way in which stars can be filled."""
    if not value:
        return not text
    if value[0] == "*":
        return any(fits(value[1:], text[cut:]) for cut in range(len(text) + 1))
    return bool(text) and value[0] == text[0] and fits(value[1:], text[1:])


@given(st.text("ab*", max_size=6), st.text("ab", max_size=7))
@settings(deadline=None)
def test_stars_stand_for_anything(pattern: str, text: str) -> None:
    parts = pattern.split("*")
    between = tuple(part for part in parts[1:-1] if part)
    value = Value(pattern, pattern, None if len(parts) == 1 else (parts[0], *between, parts[-1]), None)
    assert value.fits(text) == fits(pattern, text)
    assert value.is_in(text) == fits(f"*{pattern}*", text)


TASKS: list[dict[str, Any]] = [
    {"family": family, "params": {"day": day, "n": n}, "priority": priority, "resources": resources}
    for family in ("Fa", "FaB", "G")
    for day, n in (("2013-07-01", "1"), ("2013-07-02", "10"), ("x y", "2"))
    for priority, resources in ((0, {}), (5, {"db": 1}))
]
WORDS = st.sampled_from(["fa", "FA", "g", "2013", "07-0", "x y", "n=1", "1", "0", "zzz", "a*b", "f*0"])
TERMS = st.one_of(
    st.tuples(st.just(""), st.just(":"), WORDS),
    st.tuples(st.just("family"), st.just(":"), st.sampled_from(["Fa", "fa*", "*b,G", "no"])),
    st.tuples(st.just("resource"), st.just(":"), st.sampled_from(["db", "d*", "cpu"])),
    st.tuples(st.just("priority"), st.sampled_from([":", "<", "<=", ">", ">="]), st.sampled_from("057")),
    st.tuples(st.just("day"), st.just(":"), st.sampled_from(["2013-07-01", "2013*", "x y", "a,b"])),
    st.tuples(st.just("day"), st.sampled_from(["<", "<=", ">", ">="]), st.sampled_from(["2013-07-02", "a"])),
    st.tuples(st.just("n"), st.sampled_from([":", "<", ">="]), st.sampled_from(["1", "2", "10"])),
)


def holds(task: dict[str, Any], key: str, comparison: str, value: str) -> bool:
    if not key:
        fields = [task["id"], task["family"], *(f"{k}={v}" for k, v in task["params"].items())]
        return any(fits(f"*{value.lower()}*", field.lower()) for field in fields)
    if comparison == ":" and key != "priority":
        told = {"family": [task["family"]], "resource": list(task["resources"])}.get(
            key, [task["params"].get(key, "?")]
        )
        return any(fits(part.lower(), one.lower()) for one in told for part in value.split(","))
    left: Any = task["priority"] if key == "priority" else task["params"][key]
    right: Any = value
    if key in ("priority", "n"):
        left, right = float(left), float(right)
    return bool(
        {
            ":": left == right,
            "<": left < right,
            "<=": left <= right,
            ">": left > right,
            ">=": left >= right,
        }[comparison]
    )


@pytest.fixture(scope="module")
def filled() -> Scheduler:
    scheduler = Scheduler()
    for number, task in enumerate(TASKS):
        task["id"] = f"{task['family']}_{number}"
        scheduler.add_task(
            worker="X",
            task_id=task["id"],
            family=task["family"],
            params=task["params"],
            priority=task["priority"],
            resources=task["resources"],
        )
    return scheduler


@given(
    st.lists(st.tuples(TERMS, st.booleans()), max_size=4), st.sampled_from(["state", "updated", "priority"])
)
@settings(max_examples=300, deadline=None)
def test_queries_find_what_a_plain_reading_finds(
    filled: Scheduler, terms: list[tuple[tuple[str, str, str], bool]], sort: str
) -> None:
    words = []
    for (key, comparison, value), negated in terms:
        shown = f'"{value}"' if " " in value else value
        words.append(f"{'-' if negated else ''}{key}{comparison if key else ''}{shown}")
    expected = {
        task["id"] for task in TASKS if all(holds(task, *term) is not negated for term, negated in terms)
    }
    page = filled.task_page(" ".join(words), sort=sort, limit=100)
    assert page["error"] is None, words
    assert {row["id"] for row in page["rows"]} == expected
    assert page["total"] == len(expected)
    assert filled.task_ids(" ".join(words))["total"] == len(expected)


def test_words_find_what_was_told_later() -> None:
    scheduler = Scheduler()
    scheduler.add_task(worker="X", task_id="A", family="A", params={"a": "old"}, deps=["B"])
    assert scheduler.task_page("later")["total"] == 0
    scheduler.add_task(worker="X", task_id="B", family="B", params={"a": "later"})
    scheduler.add_task(worker="X", task_id="C", family="C", params={"a": "later"})
    assert {row["id"] for row in scheduler.task_page("later")["rows"]} == {"B", "C"}
    scheduler._machine.remove_record(scheduler._machine.tasks["C"])
    assert {row["id"] for row in scheduler.task_page("later")["rows"]} == {"B"}
