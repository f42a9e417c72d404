"""What every journal has to keep, as tests.

Derive from the contract and say how to make a journal::

    class TestMyJournal(JournalContract):
        def create_journal(self):
            return MyJournal(self.place)
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

from luigi_clone._journal.base import Journal, JournalError, JournalInUseError

__all__ = ["JournalContract"]

FACTS: list[tuple[Any, ...]] = [
    ("worker_added", "Worker(host=ä, \ud800 and 🚂)", 1732460000.125),
    ("worker_info", "w", {"workers": 4, "first_task": None, "deep": {"list": [1, [2.5, "x"], True]}}),
    ("task_told", "t", "status_message", 'quotes " \\ and </script>\n\x00'),
    ("batcher_set", "w", "F", ("a", "b"), float("inf")),
    ("limit_set", "r", 123456789012345678901234567890),
    ("messages_taken", "w"),
]


def _plain(value: Any) -> Any:
    """Return a value with lists for tuples."""
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value


def _raises(kind: type[BaseException], action: Callable[[], object]) -> None:
    try:
        action()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")


class JournalContract(abc.ABC):
    """What a journal keeps: order, whole commits, one owner, snapshots that count once they are whole."""

    @abc.abstractmethod
    def create_journal(self) -> Journal:
        """Return a journal at the place of this test, empty at first; called anew for each start."""

    def read(self) -> list[Any]:
        """Return all facts of the journal by a start and an end of their own."""
        with self.create_journal() as journal:
            return [_plain(fact) for fact in journal.open()]

    def opened(self) -> Journal:
        """Return a journal that was read to its end."""
        journal = self.create_journal()
        for _ in journal.open():
            pass
        return journal

    def test_is_empty_and_new_at_first(self) -> None:
        """A place where nothing is is taken for a new journal, once."""
        with self.create_journal() as journal:
            assert list(journal.open()) == []
            assert journal.is_new
        with self.create_journal() as journal:
            assert list(journal.open()) == []
            assert not journal.is_new

    def test_facts_come_back_as_they_were_given(self) -> None:
        """Any text, any number, nested values; tuples as lists."""
        with self.opened() as journal:
            journal.append(FACTS)
        assert self.read() == _plain(FACTS)

    def test_facts_come_back_in_order_over_several_starts(self) -> None:
        """A journal that was opened again goes on where it ended."""
        for start in range(3):
            with self.opened() as journal:
                for number in range(4):
                    journal.append([("fact", start, number), ("fact", start, number, "second")])
        expected = [
            ["fact", start, number, *rest]
            for start in range(3)
            for number in range(4)
            for rest in ([], ["second"])
        ]
        assert self.read() == expected

    def test_a_large_commit_is_one(self) -> None:
        """A megabyte at once comes back whole."""
        facts = [("fact", number, "x" * 1000) for number in range(1000)]
        with self.opened() as journal:
            journal.append(facts)
        assert self.read() == _plain(facts)

    def test_one_owner_at_a_time(self) -> None:
        """Who comes second is refused while the first is there, and let in afterwards."""
        first = self.opened()
        try:
            _raises(JournalInUseError, self.opened)
            first.append([("fact", 1)])  # the refused one did no harm
        finally:
            first.close()
        assert self.read() == [["fact", 1]]

    def test_closing_twice_is_harmless_and_nothing_is_stored_afterwards(self) -> None:
        """What comes after the end is refused, not lost silently."""
        journal = self.opened()
        journal.close()
        journal.close()
        _raises(JournalError, lambda: journal.append([("fact", 1)]))

    def test_a_snapshot_stands_for_what_came_before_it(self) -> None:
        """What is appended while it is written comes after it."""
        with self.opened() as journal:
            journal.append([("old", 1)])
            journal.start_snapshot()
            journal.append([("new", 1)])
            journal.add_to_snapshot([("short", 1), ("short", 2)])
            journal.append([("new", 2)])
            journal.add_to_snapshot([("short", 3)])
            journal.finish_snapshot()
            journal.append([("new", 3)])
        expected = [["short", 1], ["short", 2], ["short", 3], ["new", 1], ["new", 2], ["new", 3]]
        assert self.read() == expected
        with self.opened() as journal:
            while journal.tidy():
                pass
        assert self.read() == expected

    def test_an_unfinished_snapshot_counts_for_nothing(self) -> None:
        """A start after a crash in the middle of one reads what was there before."""
        with self.opened() as journal:
            journal.append([("old", 1)])
            journal.start_snapshot()
            journal.add_to_snapshot([("short", 1)])
            journal.append([("new", 1)])
        assert self.read() == [["old", 1], ["new", 1]]
        with self.opened() as journal:
            while journal.tidy():
                pass
            journal.append([("new", 2)])
        assert self.read() == [["old", 1], ["new", 1], ["new", 2]]

    def test_snapshots_follow_each_other(self) -> None:
        """The newest whole one counts, whatever was begun or removed in between."""
        for generation in range(4):
            with self.opened() as journal:
                journal.append([("old", generation)])
                journal.start_snapshot()
                journal.add_to_snapshot([("given up", generation)])
                journal.start_snapshot()
                journal.add_to_snapshot([("short", generation)])
                journal.append([("new", generation)])
                journal.finish_snapshot()
                journal.tidy()
            assert self.read() == [["short", generation], ["new", generation]]

    def test_an_empty_snapshot_is_one(self) -> None:
        """The state of an empty scheduler needs no fact."""
        with self.opened() as journal:
            journal.append([("old", 1)])
            journal.start_snapshot()
            journal.finish_snapshot()
            journal.append([("new", 1)])
        assert self.read() == [["new", 1]]

    def test_tidying_comes_to_an_end_and_keeps_what_counts(self) -> None:
        """Also while the next snapshot is being written, and when there is nothing to remove."""
        with self.opened() as journal:
            for number in range(2000):
                journal.append([("old", number)])
            assert not self._tidied_steps(journal) > 1
            journal.start_snapshot()
            for number in range(30):
                journal.add_to_snapshot([("short", number)])
            journal.append([("new", 1)])
            journal.finish_snapshot()
            assert self._tidied_steps(journal) > 1
            journal.start_snapshot()
            journal.add_to_snapshot([("shorter", 1)])
            self._tidied_steps(journal)
            journal.finish_snapshot()
            self._tidied_steps(journal)
            journal.append([("new", 2)])
        assert self.read() == [["shorter", 1], ["new", 2]]

    @staticmethod
    def _tidied_steps(journal: Journal) -> int:
        steps = 1
        while journal.tidy():
            steps += 1
            assert steps < 10_000
        return steps

    def test_tells_when_a_snapshot_is_worth_it(self) -> None:
        """Not for little, and not again right after one."""
        with self.opened() as journal:
            journal.append([("fact", "x" * 1000)])
            assert not journal.wants_snapshot()
            for _ in range(9):
                journal.append([("fact", "x" * (1 << 20))])
            assert journal.wants_snapshot()
            journal.start_snapshot()
            journal.add_to_snapshot([("short", 1)])
            journal.finish_snapshot()
            assert not journal.wants_snapshot()
            for _ in range(9):
                journal.append([("fact", "x" * (1 << 20))])
        with self.opened() as journal:  # the next process counts on
            assert journal.wants_snapshot()
