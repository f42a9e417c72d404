"""The console scripts, as a user's shell finds them.

An installed checkout (``bin/test`` makes one) brings ``luigi`` and its companions in the environment's
folder. In a checkout that is only on ``sys.path`` the same scripts are written from ``[project.scripts]``, so
that the tests run there too.
"""

from __future__ import annotations

import atexit
import functools
import importlib.metadata
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent

LAUNCHER = """#!{python}
import sys
sys.path.insert(0, {root!r})
from {module} import {function}
if __name__ == "__main__":
    sys.exit({function}())
"""


def scripts() -> dict[str, str]:
    """Name of each console script and the ``module:function`` that it calls."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: dict[str, str] = tomllib.load(file)["project"]["scripts"]
    return found


def installed() -> bool:
    """Whether the running interpreter's environment holds the console scripts of this checkout."""
    try:
        importlib.metadata.distribution("luigi-clone")
    except importlib.metadata.PackageNotFoundError:
        return False
    return (Path(sys.executable).parent / "luigi").exists()


@functools.cache
def _temporary_root() -> str:
    root = tempfile.mkdtemp(prefix="lc-")
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root


def temporary_folder() -> str:
    """Make a folder to name in TMPDIR, removed at the end; its path is short, as those of sockets must be.

    The process lock lies there: equal command lines of two tests, run at the same time, do not meet.
    """
    return tempfile.mkdtemp(dir=_temporary_root())


def environment(folder: Path, **extra: str) -> dict[str, str]:
    """Return an environment for a subprocess: ours, less what misleads a pipeline, with the scripts on PATH.

    ``folder`` is where the scripts are written when the checkout is not installed; it also becomes HOME.
    """
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LUIGI_", "PYTEST_", "COV_")) and name not in ("PYTHONPATH", "PYTHONWARNINGS")
    }
    env.update(HOME=str(folder), TMPDIR=temporary_folder(), PYTHONDONTWRITEBYTECODE="1", COLUMNS="80")
    path = [str(Path(sys.executable).parent), env.get("PATH", os.defpath)]
    if not installed():
        path.insert(0, str(write_scripts(folder / "scripts")))
        env["PYTHONPATH"] = str(ROOT)
    env["PATH"] = os.pathsep.join(path)
    return {**env, **extra}


def write_scripts(folder: Path) -> Path:
    """Write the console scripts of pyproject.toml into ``folder``, for the running interpreter."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, target in scripts().items():
        module, function = target.split(":")
        file = folder / name
        file.write_text(
            LAUNCHER.format(python=sys.executable, root=str(ROOT), module=module, function=function)
        )
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return folder
