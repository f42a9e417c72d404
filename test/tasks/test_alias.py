"""The name luigi, and the names that the package exports."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import luigi
import pytest


def run(source, *, path=(), flags=()):
    """Run a program in a fresh interpreter and return what it prints."""
    import luigi_clone

    root = luigi_clone.__path__[0].removesuffix("/luigi_clone")
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", *flags, "-c", textwrap.dedent(source)],
        env={"PYTHONPATH": ":".join([*map(str, path), root]), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def other_luigi(tmp_path):
    """Another package of the name, as if Luigi were installed beside."""
    package = tmp_path / "luigi"
    package.mkdir()
    (package / "__init__.py").write_text("whose = 'theirs'\n")
    (package / "task.py").write_text("whose = 'theirs'\n")
    (package / "only_there.py").write_text("whose = 'theirs'\n")
    return tmp_path


def test_the_modules_are_the_same_objects(other_luigi):
    out = run(
        """
        import luigi_clone.task
        from luigi_clone import alias
        alias.install(); alias.install()
        import luigi, luigi.task, luigi.util as late
        import luigi_clone.util
        from luigi.util import requires
        assert luigi is luigi_clone
        assert luigi.task is luigi_clone.task
        assert late is luigi_clone.util
        assert luigi_clone.util.requires is requires
        import luigi_clone.event, luigi.event
        assert luigi.event is luigi_clone.event
        from luigi.configuration import cfg_parser
        import luigi_clone.configuration.cfg_parser as ours
        assert cfg_parser is ours
        assert luigi.task.__name__ == luigi.task.__spec__.name == "luigi_clone.task"
        assert late.__spec__.name == "luigi_clone.util"
        print(luigi.__version__, luigi.engine_version != luigi.__version__, alias.is_installed())
        """,
        path=[other_luigi],
    )
    assert out == "3.8.1 True True\n"


def test_the_version_stays_a_text(other_luigi):
    out = run(
        """
        from luigi_clone import alias; alias.install()
        from luigi.__version__ import VERSION
        import luigi.__version__
        import luigi
        print(VERSION, luigi.__version__)
        """,
        path=[other_luigi],
    )
    assert out == "3.8.1 3.8.1\n"


def test_import_tools(other_luigi):
    out = run(
        """
        from luigi_clone import alias; alias.install()
        import importlib, importlib.util, pickle, runpy, sys
        find = importlib.util.find_spec
        print(find("luigi.lock").origin == find("luigi_clone.lock").origin)
        print(find("luigi.only_there"))
        import luigi.event
        print(find("luigi.event").name)
        before = luigi.event
        print(importlib.reload(luigi.event) is before is sys.modules["luigi_clone.event"])
        year = pickle.loads(b"cluigi.date_interval\\nYear\\n.")
        from luigi_clone.date_interval import Year
        print(year is Year)
        print(runpy.run_module("luigi.task_status")["PENDING"])
        name = "luigi.safe_extractor"
        loader = find(name).loader
        print(loader.is_package(name), "class SafeExtractor" in loader.get_source(name))
        """,
        path=[other_luigi],
    )
    assert out.splitlines() == ["True", "None", "luigi_clone.event", "True", "True", "PENDING", "False True"]


@pytest.mark.parametrize("name", ["luigi.contrib.no_such", "luigi_clone.contrib.no_such"])
def test_a_module_that_contrib_does_not_have_is_named(name):
    out = run(
        f"""
        from luigi_clone import alias; alias.install()
        try:
            import {name}
        except ModuleNotFoundError as error:
            print(error)
        """
    )
    assert out == f"No module named {name!r}: it is not part of this version of luigi_clone\n"


def test_a_module_that_does_not_exist(other_luigi):
    out = run(
        """
        from luigi_clone import alias; alias.install()
        try:
            import luigi.only_there
        except ModuleNotFoundError as error:
            print(error, error.name)
        """,
        path=[other_luigi],
    )
    assert out == "No module named 'luigi.only_there' luigi.only_there\n"


def test_too_late(other_luigi):
    out = run(
        """
        import luigi
        from luigi_clone import alias
        try:
            alias.install()
        except RuntimeError as error:
            print(error)
        print(luigi.whose, alias.is_installed())
        """,
        path=[other_luigi],
    )
    first, second = out.splitlines()
    assert first.startswith("another luigi is already imported, from ")
    assert first.endswith("call luigi_clone.alias.install() before the first 'import luigi'")
    assert second == "theirs False"


def test_taking_it_back(other_luigi):
    out = run(
        """
        from luigi_clone import alias
        alias.install()
        import luigi.util
        alias.uninstall(); alias.uninstall()
        import luigi, luigi.task
        print(luigi.whose, luigi.task.whose)
        """,
        path=[other_luigi],
    )
    assert out == "theirs theirs\n"


FORBIDDEN = ("tornado", "sqlalchemy", "sqlite3", "asyncio", "multiprocessing", "requests", "jinja2")


@pytest.mark.parametrize(
    "source",
    [
        "import luigi_clone",
        "from luigi_clone import Task, Parameter, LocalTarget, build",
    ],
)
def test_importing_is_cheap(source):
    out = run(f"{source}\nimport sys\nprint([name for name in {FORBIDDEN!r} if name in sys.modules])")
    assert out == "[]\n"


def test_importing_registers_nothing():
    out = run(
        """
        import sys
        import luigi_clone
        print(sorted(name for name in sys.modules if name.startswith("luigi_clone.")))
        luigi_clone.Task
        from luigi_clone.task_register import Register
        print([cls.__name__ for cls in Register._reg])
        """
    )
    assert out.splitlines() == [
        "['luigi_clone.__version__']",
        "['Task', 'ExternalTask', 'WrapperTask', 'Config']",
    ]


def test_all_names_are_there():
    from luigi_clone import __all__ as names

    assert {"task_register", "OptionalDateParameter", "LuigiStatusCode", "__version__"} <= set(names)
    assert len(names) == len(set(names))
    missing = [name for name in names if not hasattr(luigi, name)]
    assert missing == []
    assert set(names) <= set(dir(luigi))


@pytest.mark.parametrize(
    "name", ["worker", "scheduler", "execution_summary", "format", "util", "notifications", "freezing"]
)
def test_modules_are_attributes(name):
    out = run(f"import luigi_clone; print(luigi_clone.{name}.__name__)")
    assert out == f"luigi_clone.{name}\n"


def test_what_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = luigi.nothing


def test_range_tasks_are_loaded_when_the_configuration_does_not_say_no(tmp_path):
    source = """
        import warnings
        import luigi_clone
        from luigi_clone.task_register import Register
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            Register.task_names()
            Register.task_names()
        print([w.category.__name__ for w in caught])
        for w in caught:
            print(repr(str(w.message)))
        print(hasattr(luigi_clone, "range"))
    """
    warned = run(source).splitlines()
    assert warned[0] == "['DeprecationWarning']"
    assert warned[1] == repr(
        "\n        Autoloading range tasks by default has been deprecated and will be removed"
        " in a future version."
        "\n        To get the behavior now add an option to luigi.cfg:"
        "\n"
        "\n          [core]"
        "\n            autoload_range: false"
        "\n"
        "\n        Alternately set the option to true to continue with existing behaviour"
        " and suppress this warning."
        "\n    "
    )
    config = tmp_path / "luigi.cfg"
    config.write_text("[core]\nautoload_range=false\n")
    silent = f"import os; os.environ['LUIGI_CONFIG_PATH'] = {str(config)!r}\n" + textwrap.dedent(source)
    assert run(silent).splitlines() == ["[]", "False"]
