"""When the configuration is read, and which environment and directory count."""

from __future__ import annotations

import os
import subprocess
import sys

from test.console import ROOT


def run(code, folder, **environment):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout.strip(), done.stderr.strip()


def test_importing_reads_no_file(tmp_path):
    (tmp_path / "luigi.cfg").write_text("this is broken\n")
    out, err = run("import luigi_clone.task, luigi_clone.interface; print('imported')", tmp_path)
    assert (out, err) == ("imported", "")


def test_the_directory_at_import_counts_for_the_first_reading(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "luigi.cfg").write_text("[s]\nx = first\n")
    (tmp_path / "other" / "luigi.cfg").write_text("[s]\nx = second\n")
    out, _ = run(
        "import os, luigi_clone.configuration as c; os.chdir('other'); config = c.get_config(); "
        "print(config.get('s', 'x')); config.reload(); print(config.get('s', 'x'))",
        tmp_path,
    )
    assert out.split() == ["first", "second"]


def test_an_extra_file_wins(tmp_path):
    (tmp_path / "luigi.cfg").write_text("[s]\nx = 1\ny = 1\n")
    (tmp_path / "extra.cfg").write_text("[s]\nx = 2\n")
    code = "import luigi_clone.configuration as c; g = c.get_config().get; print(g('s', 'x'), g('s', 'y'))"
    assert run(code, tmp_path, LUIGI_CONFIG_PATH="extra.cfg") == ("2 1", "")


def test_an_extra_file_comes_before_those_that_are_added(tmp_path):
    (tmp_path / "extra.cfg").write_text("[s]\nx = 1\n")
    (tmp_path / "added.cfg").write_text("[s]\nx = 2\n")
    code = (
        "import luigi_clone.configuration as c; c.add_config_path('added.cfg'); "
        "print(c.get_config().get('s', 'x'), c.LuigiConfigParser._config_paths[-2:])"
    )
    assert run(code, tmp_path, LUIGI_CONFIG_PATH="extra.cfg")[0] == "2 ['extra.cfg', 'added.cfg']"


def test_an_unknown_parser_is_named(tmp_path):
    code = (
        "import warnings, luigi_clone.configuration as c\n"
        "with warnings.catch_warnings(record=True) as seen:\n"
        "    warnings.simplefilter('always')\n"
        "    c.get_config()\n"
        "print(c.core.DEFAULT_PARSER, [str(w.message)[:20] for w in seen])"
    )
    assert run(code, tmp_path, LUIGI_CONFIG_PARSER="yaml")[0] == "cfg ['Invalid parser: yaml']"


def test_toml_by_environment(tmp_path):
    (tmp_path / "luigi.toml").write_text("[s]\nx = 5\n")
    code = "import luigi_clone.configuration as c; print(c.get_config().get('s', 'x') + 1)"
    assert run(code, tmp_path, LUIGI_CONFIG_PARSER="toml") == ("6", "")
