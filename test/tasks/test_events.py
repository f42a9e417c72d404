"""Callbacks that tasks call."""

from __future__ import annotations

import logging

import luigi
import pytest
from luigi.event import Event


class Base(luigi.Task):
    n = luigi.IntParameter(default=0)


class Derived(Base):
    pass


def test_names():
    assert {name: value for name, value in vars(Event).items() if name.isupper()} == {
        "DEPENDENCY_DISCOVERED": "event.core.dependency.discovered",
        "DEPENDENCY_MISSING": "event.core.dependency.missing",
        "DEPENDENCY_PRESENT": "event.core.dependency.present",
        "BROKEN_TASK": "event.core.task.broken",
        "START": "event.core.start",
        "PROGRESS": "event.core.progress",
        "FAILURE": "event.core.failure",
        "SUCCESS": "event.core.success",
        "PROCESSING_TIME": "event.core.processing_time",
        "TIMEOUT": "event.core.timeout",
        "PROCESS_FAILURE": "event.core.process_failure",
    }
    assert luigi.Event is Event


def test_callbacks_of_the_class_and_its_bases_are_called():
    calls = []

    @Derived.event_handler("own")
    def derived(*args, **kwargs):
        calls.append(("derived", args, kwargs))

    @Base.event_handler("own")
    def base(*args, **kwargs):
        calls.append(("base", args, kwargs))

    assert Base.event_handler("own")(base) is base
    Derived().trigger_event("own", 1, x=2)
    assert calls == [("derived", (1,), {"x": 2}), ("base", (1,), {"x": 2})]
    calls.clear()
    Base().trigger_event("own")
    Base().trigger_event("other")
    assert calls == [("base", (), {})]
    assert luigi.Task._event_callbacks == {Derived: {"own": {derived}}, Base: {"own": {base}}}


def test_removing():
    calls = []
    callback = Base.event_handler("own")(lambda: calls.append(1))
    with pytest.raises(KeyError):
        Derived.remove_event_handler("own", callback)
    Base.remove_event_handler("own", callback)
    with pytest.raises(KeyError):
        Base.remove_event_handler("own", callback)
    Base().trigger_event("own")
    assert calls == []


@pytest.mark.parametrize("error", [ValueError, SystemExit, GeneratorExit])
def test_what_a_callback_raises_is_logged(error, caplog):
    @Base.event_handler(("any", "hashable"))
    def callback():
        raise error("broken")

    Base().trigger_event(("any", "hashable"))
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.name == "luigi-interface"
    assert record.getMessage() == "Error in event callback for ('any', 'hashable')"
    assert record.exc_info[0] is error


def test_a_keyboard_interrupt_ends_the_triggering():
    calls = []

    @Derived.event_handler("own")
    def first():
        raise KeyboardInterrupt

    @Base.event_handler("own")
    def second():
        calls.append(1)

    Derived().trigger_event("own")
    assert calls == []


def test_events_of_a_build():
    seen = []

    def note(event):
        @luigi.Task.event_handler(event)
        def callback(task, *rest):
            seen.append((event, task.n))

    class Pass(Base):
        done = False

        def complete(self):
            return Pass.done

        def run(self):
            Pass.done = True

        def on_success(self):
            seen.append(("on_success", self.n))

    for event in (Event.START, Event.SUCCESS, Event.FAILURE, Event.PROCESSING_TIME):
        note(event)
    luigi.build([Pass(1)], local_scheduler=True, log_level="ERROR")
    assert seen == [(Event.START, 1), (Event.PROCESSING_TIME, 1), ("on_success", 1), (Event.SUCCESS, 1)]
