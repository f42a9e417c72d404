"""Tasks of others that an assistant runs, and those that it does not."""

from __future__ import annotations

import logging
import sys
from typing import Any

import luigi
import pytest

from luigi_clone._worker.strangers import ModuleNotAllowedError, Strangers
from luigi_clone.scheduler import Scheduler
from luigi_clone.worker import Worker

MODULE = "strange_tasks_of_another_team"


class Own(luigi.Task):
    n = luigi.IntParameter(default=0)
    ran: list[int] = []

    def complete(self) -> bool:
        return self.n in self.ran

    def run(self) -> None:
        self.ran.append(self.n)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Own.ran = []


@pytest.fixture
def strange_module(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that tells when it is imported."""
    (tmp_path / f"{MODULE}.py").write_text(
        "import pathlib\npathlib.Path(__file__).with_name('seen').touch()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "seen"
    sys.modules.pop(MODULE, None)


def reply(module: str | None, family: str = "Own", **params: str) -> dict[str, Any]:
    return {"task_module": module, "task_family": family, "task_params": params}


@pytest.mark.parametrize("patterns", ["*", "", __name__, f"other, {__name__}", f"other {__name__[:4]}*"])
def test_modules_that_are_named(patterns: str) -> None:
    strangers = Strangers(patterns)
    for module in (__name__, None):
        if patterns:
            assert strangers.load(reply(module, n="3"), []) == Own(n=3)
        else:
            with pytest.raises(ModuleNotAllowedError, match="it names: none"):
                strangers.load(reply(module, n="3"), [])
            assert strangers.load(reply(module, n="3"), [Own(n=1)]) == Own(n=3), (
                "of a class that it runs anyway"
            )


def test_a_package_stands_for_what_is_in_it() -> None:
    with pytest.raises(ImportError):
        Strangers("no_package").load(reply("no_package.part.of_it"), [])
    with pytest.raises(ModuleNotAllowedError):
        Strangers("no_pack").load(reply("no_package"), [])


@pytest.mark.parametrize("patterns", ["luigi", "luigi.notifications", "luigi_clone.notifications"])
@pytest.mark.parametrize("module", ["luigi.notifications", "luigi_clone.notifications"])
def test_modules_of_the_framework_have_two_names(patterns: str, module: str) -> None:
    assert Strangers(patterns).load(reply(module, "TestNotificationsTask"), [])


def test_what_is_not_named_is_not_imported(strange_module: Any) -> None:
    with pytest.raises(ModuleNotAllowedError, match=MODULE):
        Strangers(__name__).load(reply(MODULE), [Own()])
    assert not strange_module.exists()
    Strangers(MODULE + ",test*").load(reply(MODULE, "Own"), [])
    assert strange_module.exists()


def test_a_named_module_does_not_open_the_classes_of_others(strange_module: Any) -> None:
    with pytest.raises(ModuleNotAllowedError, match=__name__):
        Strangers(MODULE).load(reply(MODULE, "Own"), [])


def _assistant(scheduler: Scheduler, **options: Any) -> Worker:
    return Worker(scheduler=scheduler, worker_id="assistant", assistant=True, wait_interval=0.01, **options)


def test_a_task_that_is_left_out_is_reported_with_the_reason(strange_module: Any) -> None:
    scheduler = Scheduler()
    scheduler.add_task(worker="X", task_id="S", family="S", module=MODULE, params={})
    assert not _assistant(scheduler, assistant_modules="team.*").run()
    assert not strange_module.exists()
    error = scheduler.fetch_error("S")["error"]
    assert "assistant_modules" in error and MODULE in error
    assert scheduler.task_list("FAILED", "").keys() == {"S"}


def test_an_assistant_for_everything_warns(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert _assistant(Scheduler(), assistant_modules="team").run()
    assert Worker(scheduler=Scheduler(), wait_interval=0.01).run()
    assert "assistant_modules" not in caplog.text
    assert _assistant(Scheduler()).run()
    assert "[worker] assistant_modules" in caplog.text


def test_batches_of_own_tasks_need_no_permission() -> None:
    class Merged(luigi.Task):
        n = luigi.IntParameter(batch_method=max)
        ran: list[int] = []

        def complete(self) -> bool:
            return any(n >= self.n for n in self.ran)

        def run(self) -> None:
            self.ran.append(self.n)

    worker = Worker(scheduler=Scheduler(), assistant_modules="team", wait_interval=0.01)
    for n in (1, 2):
        worker.add(Merged(n=n))
    assert worker.run()
    assert Merged.ran == [2]
