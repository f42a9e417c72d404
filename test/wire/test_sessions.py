"""A worker sends, from its first call to its last, what Luigi's worker sends for the same pipeline."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from test.differential.engines import THIS, Engine, stock
from test.wire.capture import Asked, Recorder, passed_on_to
from test.wire.sites import Site

_WORKER_ID = re.compile(r"Worker\([^)]*\)")
_OFTEN = {"ping"}
"""How often these come is a matter of time."""
_OF_A_WORKER = {"salt", "pid", "host", "username"}


def _session(folder: Any, engine: Engine, server: Engine, words: list[str], files: list[str]) -> list[Any]:
    folder.mkdir()
    # no idle polls: what is to be given out is given out in the first call
    sections = {"scheduler": {"retry_delay": 1000}, "resources": {"memory": 4}}
    with Site(folder, engine, server, sections) as site:
        for name in files:
            (site.files / name).touch()
        with Recorder(passed_on_to(site.url)) as recorder:
            site.url_for_workers = f"http://127.0.0.1:{recorder.port}/a/path"
            site.start("w", *words).finish()
        return [_comparable(asked) for asked in recorder.understood() if asked.method not in _OFTEN]


def _comparable(asked: Asked) -> Any:
    arguments = asked.arguments
    if "worker" in arguments:
        arguments["worker"] = _WORKER_ID.sub("W", arguments["worker"])
    if "host" in arguments:
        arguments["host"] = "host"
    if "info" in arguments:
        arguments["info"] = [
            [key, value if key not in _OF_A_WORKER else "?"] for key, value in arguments["info"]
        ]
    if arguments.get("batch_id"):
        arguments["batch_id"] = "id"
    if arguments.get("expl"):
        lines = arguments["expl"].strip().replace("\\n", "\n").split("\n")
        # the frames are of the libraries
        arguments["expl"] = [line for line in lines if not line.startswith(" ")]
    return asked.method, arguments


@pytest.mark.parametrize(
    ("words", "files", "methods"),
    [
        (["Fan"], [], {"add_task", "add_worker", "get_work"}),
        (["NeedsBad"], ["broken"], {"add_task", "get_work"}),
        (["NeedsUnsure"], [], {"announce_scheduling_failure"}),
        (["NeedsImport"], [], {"get_work"}),
        (["Dynamic"], [], {"get_work"}),
        (["Batches"], [], {"add_task_batcher", "set_task_status_message"}),
        (["Batches", "--fails"], [], {"add_task_batcher"}),
        (["Talker"], ["go"], {"set_task_status_message", "set_task_progress_percentage"}),
        (["LargeAndSmall"], ["give", "Small"], {"decrease_running_task_resources"}),
        (["NeedsGröße", "--text", "ä ☃ 🐍"], [], {"add_task"}),
        (["Bad", "--retry-of-its-own", "1"], ["broken"], {"add_task"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_a_whole_session(stock_venv, tmp_path, words, files, methods):
    luigi = stock(stock_venv)
    places = [("ours", THIS), ("luigis", luigi)]
    with ThreadPoolExecutor(2) as threads:
        ours, luigis = threads.map(
            lambda place: _session(tmp_path / place[0], place[1], luigi, words, files), places
        )
    assert ours == luigis
    assert {method for method, _ in luigis} >= methods
