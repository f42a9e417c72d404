"""A journal of each format that there ever was is read by this version."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from luigi_clone._journal.sqlite_schema import UPGRADES, VERSION
from luigi_clone.scheduler import Scheduler
from test.journal.plays import OPTIONS, canonical

FOLDER = Path(__file__).with_name("data")
FILES = sorted(FOLDER.glob("version-*.sqlite"))


def known_then(found, expected):
    """Leave out what was not there to be stored when the file was made."""
    found = {name: found[name] for name in expected}
    found["tasks"] = {
        task_id: {name: found["tasks"][task_id][name] for name in fields}
        for task_id, fields in expected["tasks"].items()
    }
    for task_id, fields in expected["tasks"].items():
        more = found["tasks"][task_id]["more"]
        found["tasks"][task_id]["more"] = {name: more[name] for name in fields["more"]}
    return found


def test_there_is_a_file_of_each_version_and_a_way_from_each_older_one():
    versions = {int(re.search(r"\d+", file.name)[0]) for file in FILES}
    assert versions == set(range(1, VERSION + 1))
    assert set(UPGRADES) == set(range(1, VERSION))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_all_comes_back(file, tmp_path):
    path = tmp_path / "state"
    expected = json.loads(file.with_suffix(".json").read_text())
    shutil.copy(file, path)
    for _ in range(2):  # as it is brought up to date, and as it is then
        scheduler = Scheduler(resources={"s": 2}, state_path=str(path), **OPTIONS)
        scheduler.load()
        found = json.loads(canonical(scheduler))
        assert known_then(found, expected) == expected
        scheduler._journal.close()
