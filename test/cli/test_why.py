"""``luigi why``."""

from __future__ import annotations

import pytest

from luigi_clone import cmdline
from luigi_clone.scheduler import Scheduler
from luigi_clone.tools import why
from test.served import Served


@pytest.fixture
def luigid():
    with Served(Scheduler()) as running:
        yield running


def test_it_says_what_the_page_says(luigid, capsys):
    scheduler = luigid.scheduler
    scheduler.add_task(worker="X", task_id="Day_1", family="Day", params={"day": "2013-07-10\x1b[31m"})
    scheduler.get_work(worker="X")
    scheduler.add_task(worker="X", task_id="Day_1", status="FAILED", expl='"no"')
    scheduler.add_task(worker="X", task_id="Month_1", family="Month", deps=["Day_1"])
    with pytest.raises(SystemExit) as ended:
        cmdline.luigi_run(["why", "Month_1", "--scheduler-url", f"http://127.0.0.1:{luigid.port}"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out.strip()
    assert shown.startswith("It waits for Day 2013-07-10, which failed at ")
    row = next(row for row in scheduler.task_page()["rows"] if row["id"] == "Month_1")
    assert row["why"]["text"].replace("\x1b[31m", "") == shown


def test_it_says_what_it_does_not_know(luigid, capsys):
    assert why.main(["Never_1", "--scheduler-url", f"http://127.0.0.1:{luigid.port}"]) == 1
    assert capsys.readouterr().out == "The scheduler does not know this task.\n"


def test_it_says_when_the_scheduler_is_away(capsys):
    assert why.main(["Never_1", "--scheduler-url", "http://127.0.0.1:9"]) == 1
    assert "luigi why: the scheduler does not tell: " in capsys.readouterr().err
