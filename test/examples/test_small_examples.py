"""Each example is run as its first lines say, by the luigi command."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from test import console

EXAMPLES = console.ROOT / "examples"


@pytest.fixture
def luigi(tmp_path):
    """Run ``luigi --module …`` in an empty folder; return what the log and the summary say."""
    folder = tmp_path / "work"
    folder.mkdir()

    def run(*arguments, config=None, status=0):
        env = console.environment(tmp_path)
        env["PYTHONPATH"] = str(EXAMPLES)
        if config:
            env["LUIGI_CONFIG_PATH"] = str(EXAMPLES / config)
        done = subprocess.run(
            ["luigi", "--local-scheduler", "--module", *arguments],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done.stderr

    run.folder = folder
    return run


def body(output):
    """Return the lines of the summary, without its frame."""
    return output.split("===== Luigi Execution Summary =====")[1].strip().splitlines()


SUCCESS = "This progress looks :) because there were no failed tasks or missing dependencies"


def test_hello_world(luigi):
    first = luigi("hello_world", "HelloWorld")
    assert body(first) == [
        "Scheduled 1 tasks of which:",
        "* 1 ran successfully:",
        "    - 1 HelloWorld(name=world)",
        "",
        SUCCESS,
    ]
    assert (luigi.folder / "hello-world.txt").read_text() == "Hello, world!\n"
    second = luigi("hello_world", "HelloWorld")
    assert body(second) == [
        "Scheduled 1 tasks of which:",
        "* 1 complete ones were encountered:",
        "    - 1 HelloWorld(name=world)",
        "",
        "Did not run any tasks",
        SUCCESS,
    ]


def test_hello_world_as_a_program(tmp_path):
    env = console.environment(tmp_path)
    code = (
        "import runpy, luigi_clone.alias as alias; alias.install(); "
        f"runpy.run_path({str(EXAMPLES / 'hello_world.py')!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--name", "you"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "hello-you.txt").read_text() == "Hello, you!\n"


def test_dynamic_requirements(luigi):
    output = luigi("dynamic_requirements", "Total")
    assert body(output)[1:5] == [
        "* 5 ran successfully:",
        "    - 1 Order()",
        "    - 3 Price(part=bolts,nuts,washers)",
        "    - 1 Total()",
    ]
    # 12 bolts at 5, 12 nuts at 4, 24 washers at 7
    assert (luigi.folder / "dynamic" / "total.txt").read_text() == "276\n"
    assert output.count("running   Total()") == 2, "run() starts again after the yield"


def test_execution_summary_example(luigi):
    assert body(luigi("execution_summary_example", "Everything")) == [
        "Scheduled 18 tasks of which:",
        "* 1 complete ones were encountered:",
        "    - 1 Delivered()",
        "* 10 ran successfully:",
        "    - 10 Count(number=0...9)",
        "* 1 failed:",
        "    - 1 Broken()",
        "* 6 were left pending, among these:",
        "    * 4 were missing external dependencies:",
        "        - 4 Awaited(day=2024-01-01...2024-01-04)",
        "    * 2 had failed dependencies:",
        "        - 1 Everything()",
        "        - 1 NeedsBroken()",
        "    * 1 had missing dependencies:",
        "        - 1 Everything()",
        "",
        "This progress looks :( because there were failed tasks",
    ]


def test_per_task_retry_policy(luigi):
    output = luigi("per_task_retry_policy", "Errands", config="per_task_retry_policy.cfg")
    assert body(output)[1:8] == [
        "* 2 ran successfully:",
        "    - 1 Default(failures=1)",
        "    - 1 Patient(failures=2)",
        "* 1 failed:",
        "    - 1 Hasty(failures=2)",
        "* 1 were left pending, among these:",
        "    * 1 had failed dependencies:",
    ]
    tries = {file.stem: int(file.read_text()) for file in (luigi.folder / "retries").glob("*.tries")}
    assert tries == {"Patient": 3, "Hasty": 2, "Default": 2}


def test_wordcount(luigi):
    (luigi.folder / "text.txt").write_text("The cat and the hat.\nThe end\n")
    luigi("wordcount", "WordCount", "--text", "text.txt")
    counts = (luigi.folder / "wordcount" / "text.tsv").read_text()
    assert counts == "the\t3\nand\t1\ncat\t1\nend\t1\nhat\t1\n"


def test_wordcount_of_a_file_that_is_not_there(luigi):
    lines = body(luigi("wordcount", "WordCount", "--text", "nowhere.txt"))
    assert "        - 1 Text(text=nowhere.txt)" in lines
    assert "    * 1 had missing dependencies:" in lines


def test_top_artists(luigi):
    week = luigi("top_artists", "TopArtists", "--period", "2024-W10", "--top", "6")
    assert "    - 7 Plays(day=2024-03-04...2024-03-10)" in body(week)
    artists = (luigi.folder / "artists" / "top6-2024-W10.txt").read_text().splitlines()
    assert sum(int(line.split()[0]) for line in artists) == 7 * 200
    # the days of that week are there already, the others of the month are not
    month = luigi("top_artists", "Greeting", "--period", "2024-03")
    assert "* 7 complete ones were encountered:" in body(month)
    assert "    - 1 TopArtists(period=2024-03, top=1)" in body(month)
    greeting = (luigi.folder / "artists" / "greeting-2024-03.txt").read_text()
    assert greeting.endswith("plays.\n")


def test_every_example_is_tested_here_and_says_how_to_run_it():
    tests = "".join(file.read_text() for file in sorted((console.ROOT / "test" / "examples").glob("*.py")))
    for file in sorted(EXAMPLES.glob("*.py")):
        text = ast.get_docstring(ast.parse(file.read_text()))
        assert file.stem in tests
        if file.stem != "flights_picture":
            assert f"--module {file.stem} " in text
