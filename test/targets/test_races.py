"""Processes that publish at one place at the same time: exactly one wins, and nothing nests."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from luigi_clone._local_storage import renaming
from luigi_clone.local_target import LocalFileSystem, LocalTarget
from luigi_clone.target import FileAlreadyExists

CONTEXT = multiprocessing.get_context("fork")
RACERS = 4
ROUNDS = 150


@pytest.fixture(params=["system-call", "fallback"])
def without_system_call(request, monkeypatch):
    """Run also as on a system that has no rename which refuses to replace."""
    if request.param == "fallback":
        monkeypatch.setattr(renaming, "_exclusive_system_call", lambda: None)
    elif renaming._exclusive_system_call() is None:
        pytest.skip("this system has no such call")


def race(folder, publish):
    """Let racers publish ``ROUNDS`` times, all at once each time; return who won each round."""
    barrier = CONTEXT.Barrier(RACERS, timeout=60)
    results = CONTEXT.SimpleQueue()

    def run(racer):
        os.chdir(folder)
        won = []
        for round_ in range(ROUNDS):
            barrier.wait()
            try:
                publish(racer, round_)
            except FileAlreadyExists:
                continue
            won.append(round_)
        results.put((racer, won))

    processes = [CONTEXT.Process(target=run, args=(racer,)) for racer in range(RACERS)]
    for process in processes:
        process.start()
    winners = {}
    for _ in processes:
        racer, won = results.get()
        for round_ in won:
            winners.setdefault(round_, []).append(racer)
    for process in processes:
        process.join()
    return winners


def make_file(path, racer):
    Path(path).write_text(str(racer))


def make_directory(path, racer):
    os.mkdir(path)
    Path(path, "who").write_text(str(racer))


@pytest.mark.timeout(60)
def test_of_files_exactly_one_wins(tmp_path, without_system_call):
    def publish(racer, round_):
        make_file(f"{round_}-{racer}", racer)
        LocalFileSystem().rename_dont_move(f"{round_}-{racer}", f"out{round_}")

    winners = race(tmp_path, publish)
    for round_ in range(ROUNDS):
        (winner,) = winners[round_]
        assert (tmp_path / f"out{round_}").read_text() == str(winner)
        losers = {name for name in os.listdir(tmp_path) if name.startswith(f"{round_}-")}
        assert losers == {f"{round_}-{racer}" for racer in range(RACERS) if racer != winner}


@pytest.mark.timeout(60)
def test_of_directories_exactly_one_wins_and_nothing_nests(tmp_path, without_system_call):
    def publish(racer, round_):
        make_directory(f"{round_}-{racer}", racer)
        LocalFileSystem().rename_dont_move(f"{round_}-{racer}", f"out{round_}/")

    winners = race(tmp_path, publish)
    for round_ in range(ROUNDS):
        (winner,) = winners[round_]
        assert os.listdir(tmp_path / f"out{round_}") == ["who"]
        assert (tmp_path / f"out{round_}" / "who").read_text() == str(winner)


@pytest.mark.timeout(60)
def test_of_temporary_paths_exactly_one_wins(tmp_path, without_system_call):
    def publish(racer, round_):
        make = (make_file, make_directory)[round_ % 2]
        target = LocalTarget(f"out{round_}")
        target.fsync = False
        with target.temporary_path() as path:
            make(path, racer)

    winners = race(tmp_path, publish)
    assert [len(winners[round_]) for round_ in range(ROUNDS)] == [1] * ROUNDS
    for round_ in range(1, ROUNDS, 2):
        assert (tmp_path / f"out{round_}" / "who").read_text() == str(winners[round_][0])


@pytest.mark.timeout(60)
def test_empty_directories_against_each_other(tmp_path, without_system_call):
    """An empty directory is what rename(2) alone would replace."""

    def publish(racer, round_):
        os.mkdir(f"{round_}-{racer}")
        LocalFileSystem().rename_dont_move(f"{round_}-{racer}", f"out{round_}")

    winners = race(tmp_path, publish)
    assert [len(winners[round_]) for round_ in range(ROUNDS)] == [1] * ROUNDS


@pytest.mark.timeout(60)
def test_of_directory_makers_exactly_one_makes_it(tmp_path):
    def publish(racer, round_):
        LocalFileSystem().mkdir(f"deep{round_ // 2}/out{round_}", raise_if_exists=True)

    winners = race(tmp_path, publish)
    assert [len(winners[round_]) for round_ in range(ROUNDS)] == [1] * ROUNDS


@pytest.mark.timeout(60)
def test_writers_replace_each_other_whole(tmp_path):
    """Handles, unlike temporary paths, overwrite: all succeed, and the file is one of theirs."""

    def publish(racer, round_):
        target = LocalTarget(f"out{round_}")
        target.fsync = False
        with target.open("w") as handle:
            handle.write(f"{racer}\n" * 5000)

    winners = race(tmp_path, publish)
    assert [len(winners[round_]) for round_ in range(ROUNDS)] == [RACERS] * ROUNDS
    for round_ in range(ROUNDS):
        lines = (tmp_path / f"out{round_}").read_text().splitlines()
        assert len(lines) == 5000
        assert len(set(lines)) == 1
    assert len(os.listdir(tmp_path)) == ROUNDS
