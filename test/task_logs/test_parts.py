"""Masking, files, tails at the scheduler, sending."""

from __future__ import annotations

import os
import threading
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luigi_clone._scheduler.logs import TailStore
from luigi_clone._task_logs import files
from luigi_clone._task_logs.files import LogFile, attempts_in, clean, folder_of
from luigi_clone._task_logs.masking import MASK, Masker, forms_of
from luigi_clone._task_logs.recording import MOST_UNSENT, Recording, Source
from luigi_clone._task_logs.sending import INTERVAL, TailSender
from luigi_clone._task_logs.settings import LogSettings, settings_of

# -- masking ------------------------------------------------

words = st.text(alphabet="abé", max_size=6)


@given(st.lists(words, max_size=3), st.lists(st.one_of(words, st.sampled_from(["aaaa", "abab", "aébéa"]))))
def test_no_secret_gets_through_however_the_text_is_cut(secrets, pieces):
    forms = forms_of([*secrets, "abab", "aaaa"])
    masker = Masker(forms)
    shown = b"".join(masker.feed(piece.encode()) for piece in pieces) + masker.finish()
    assert not any(form in shown for form in forms)
    whole = Masker(forms)
    assert shown == whole.feed("".join(pieces).encode()) + whole.finish()


def test_the_ways_in_which_a_secret_stands_in_an_output():
    import json
    from urllib.parse import quote

    secret = "a/ö\n'\"x"
    masker = Masker(forms_of([secret]))
    text = " ".join([secret, repr(secret), json.dumps(secret), quote(secret, safe="")])
    shown = masker.feed(text.encode()) + masker.finish()
    assert shown.count(MASK) == 4
    assert b"\xc3\xb6" not in shown


def test_short_values_are_not_told_apart_from_other_text():
    assert forms_of(["", "abc"]) == ()


def test_which_values_are_secret():
    import luigi_clone as luigi
    from luigi_clone._worker.logs import secrets_of

    private = luigi.parameter.ParameterVisibility.PRIVATE

    class Knows(luigi.Task):
        public = luigi.Parameter(default="everybody")
        name = luigi.Parameter(default="password", visibility=private)
        number = luigi.IntParameter(default=123456, visibility=private)
        flag = luigi.BoolParameter(default=True, visibility=private)
        nested = luigi.DictParameter(default={"user": "me", "keys": ["key-one"]}, visibility=private)

    assert {"password", "123456", "key-one"} <= set(secrets_of(Knows()))
    assert not {"everybody", "True", "true"} & set(secrets_of(Knows()))


# -- files ------------------------------------------------


@pytest.fixture
def settings(tmp_path):
    return LogSettings(str(tmp_path / "logs"), 3600.0, 4000)


@pytest.fixture(autouse=True)
def not_warned(monkeypatch):
    monkeypatch.setattr(files._WARNED, "before", False)


def write(settings, task_id, data=b"text\n"):
    file = LogFile(settings, task_id)
    file.write(data)
    file.close()
    return file.path


@pytest.mark.parametrize("task_id", ["Family_a_1234", "../../etc/passwd", "a/b", "..", ".", "", "ü" * 300])
def test_a_task_has_a_folder_of_its_own_below_the_root(tmp_path, settings, task_id):
    path = write(settings, task_id)
    assert os.path.realpath(path).startswith(os.path.realpath(settings.folder) + os.sep)
    assert attempts_in(settings.folder, task_id) == [path]
    assert folder_of(settings.folder, task_id) != folder_of(settings.folder, task_id + "x")
    assert os.path.dirname(os.path.dirname(path)) == settings.folder


def test_one_attempt_writes_up_to_its_limit(settings):
    file = LogFile(settings, "T")
    for _ in range(30):
        file.write(b"x" * 100)
    with open(file.path, "rb") as opened:
        text = opened.read()
    assert text.count(b"x") == settings.largest_file == 1000
    assert text.endswith(b"[cut here: the log of one attempt may have 1000 bytes]\n")


def test_what_is_too_old_or_too_much_is_deleted_the_oldest_first(settings):
    paths = [write(settings, f"T{number}", b"x" * 900) for number in range(7)]
    now = time.time()
    for number, path in enumerate(paths):
        os.utime(path, (now, now - 100 + number))
    os.utime(paths[6], (now, now - 4000))
    foreign = os.path.join(os.path.dirname(paths[0]), "notes.txt")
    with open(foreign, "w") as file:
        file.write("mine")
    clean(settings)
    assert [os.path.exists(path) for path in paths] == [False, False, True, True, True, True, False]
    assert os.path.exists(foreign)
    assert not os.path.exists(os.path.dirname(paths[1]))


def test_a_folder_that_cannot_be_made_is_warned_of_once(tmp_path, caplog):
    (tmp_path / "logs").write_text("a file")
    settings = LogSettings(str(tmp_path / "logs"), 1.0, 1000)
    for _ in range(3):
        assert LogFile(settings, "T").write(b"text") is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(tmp_path / "logs") in caplog.text


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_warned_of_once(settings, caplog):
    file = LogFile(settings, "T")
    file.write(b"x")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, file._fd)
    os.close(full)
    for _ in range(3):
        file.write(b"more")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "No space left" in caplog.text


def test_when_logs_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert settings_of("", 7, 1024, is_remote=False) is None
    assert settings_of("none", 7, 1024, is_remote=True) is None
    settings = settings_of("", 7, 1024, is_remote=True)
    assert settings == (str(tmp_path / "luigi_clone" / "logs"), 604800.0, 1 << 30)
    assert settings_of("~/logs", 7, 1, is_remote=False).folder == os.path.expanduser("~/logs")


# -- recordings ------------------------------------------------


def recording(settings, on_text=None):
    return Recording("T", 1, (), LogFile(settings, "T"), on_text)


def test_characters_and_lines_that_arrive_in_pieces(settings):
    kept = recording(settings, lambda: None)
    one, other = Source(kept), Source(kept)
    for byte in "größer\n".encode():
        one.feed(bytes([byte]))
        other.feed(b"-" if byte != 10 else b"\n")
    one.feed(b"\xff half \xc3")
    for source in (one, other):
        source.finish()
    piece = kept.next_piece(1000)
    assert piece.text == "größer\n--------\n" + "\\xff half \\xc3"
    assert piece.offset == 0


def test_the_oldest_of_what_is_not_sent_goes(settings):
    kept = recording(settings, lambda: None)
    source = Source(kept)
    for number in range(40_000):
        source.feed(b"%09d\n" % number)
    piece = kept.next_piece(10)
    assert (piece.offset, piece.text) == (
        400_000 - MOST_UNSENT,
        f"{piece.offset // 10:09d}\n"[piece.offset % 10 :]
        + f"{piece.offset // 10 + 1:09d}"[: piece.offset % 10],
    )
    kept.note_sent(piece)
    assert kept.next_piece(10).offset == piece.offset + 10


def test_a_request_is_made_now_and_then_and_again_after_a_failure(settings):
    times, got, fail = [], [], [True]
    enough = threading.Event()

    def send(pieces):
        times.append(time.monotonic())
        if fail:
            fail.pop()
            raise OSError("away")
        got.extend(piece.text for _, piece in pieces)
        if "".join(got).endswith("3\n"):
            enough.set()
        return True

    sender = TailSender(send)
    kept = recording(settings)
    kept.on_text = lambda: sender.note(kept)
    source = Source(kept)
    for number in range(4):
        source.feed(b"%d\n" % number)
        if number == 1:
            deadline = time.monotonic() + 10
            while not got:
                assert time.monotonic() < deadline
    assert enough.wait(10)
    sender.close()
    assert "".join(got) == "0\n1\n2\n3\n"
    assert all(later - earlier >= INTERVAL * 0.99 for earlier, later in pairwise(times))


def test_nothing_is_kept_for_a_scheduler_that_has_no_use_for_it(settings):
    sender = TailSender(lambda pieces: False)
    kept = recording(settings)
    kept.on_text = lambda: sender.note(kept)
    source = Source(kept)
    source.feed(b"a\n")
    sender._thread.join(10)
    assert not sender._thread.is_alive()
    source.feed(b"b\n")
    source.feed(b"c\n")
    assert kept.is_sent


# -- the scheduler ------------------------------------------------


def test_pieces_may_come_twice_or_be_missing():
    store = TailStore(10_000, 10_000)
    store.append("T", ("w", 7), 0, "0123")
    store.append("T", ("w", 7), 0, "0123")
    store.append("T", ("w", 7), 2, "2345")
    store.append("T", ("w", 7), 10, "ab")
    store.append("T", ("v", 7), 0, "other")
    first, second = store.attempts("T")
    assert (first.number, second.number) == (1, 2)
    assert first.read(0, 100) == (0, "012345")
    assert first.read(3, 2) == (3, "34")
    assert first.read(6, 100) == (10, "ab")
    assert first.read(12, 100) == (12, "")
    assert second.read(0, 100) == (0, "other")


@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(0, 2), st.integers(0, 3000), st.integers(0, 3000)),
        max_size=40,
    )
)
def test_what_is_kept_is_bounded_and_true(appended):
    store = TailStore(3000, 7000)
    alphabet = "".join(chr(33 + index % 90) for index in range(7000))
    for task, attempt, offset, length in appended:
        store.append(task, ("w", attempt), offset, alphabet[offset : offset + length])
    tasks = store._tasks
    assert store.size == sum(task.size for task in tasks.values())
    assert store.size <= 7000 or len(tasks) == 1
    for name, task in tasks.items():
        assert task.size == sum(each.size for each in task.attempts)
        assert task.size <= 3000 + 2 * 128
        for each in store.attempts(name):
            offset = 0
            while True:
                start, text = each.read(offset, 100)
                if not text:
                    break
                assert text == alphabet[start : start + len(text)]
                assert start >= offset
                offset = start + len(text)
