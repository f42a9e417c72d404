"""``python -m luigi_clone.tools.stubs``: let type checkers take ``import luigi`` for this package.

A type checker runs nothing, so that it knows nothing of :func:`luigi_clone.alias.install`.  This writes a
stub package ``luigi``, which passes on the public names of this package, into a folder of a project, where it
is meant to be kept.  What the names are is looked up in the installed package, so that the stubs need to be
written anew only for new modules.  For other projects ``luigi`` stays what it is.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_OURS = _PACKAGE.name
_ALIAS = "luigi"
_MARK = f"# Written by python -m {_OURS}.tools.stubs; changes are lost when that is run again.\n"
_USAGE = f"""usage: python -m {_OURS}.tools.stubs [FOLDER]

Writes FOLDER/{_ALIAS} (default: typings/{_ALIAS}), by which type checkers take "import {_ALIAS}" for {_OURS}.
"""


def write(folder: Path) -> list[Path]:
    """Write the stub package into ``folder`` and return its files; stubs of earlier runs are replaced.

    Raises ``FileExistsError`` when there is something under that name that this function did not write.
    """
    root = folder / _ALIAS
    for known in sorted(root.rglob("*")) if root.exists() else []:
        if known.is_file() and not (known.suffix == ".pyi" and known.read_text().startswith(_MARK)):
            raise FileExistsError(
                f"{known} was not written by this command: move it away, or name another folder"
            )
    contents = dict(_stubs())
    for stale in root.rglob("*.pyi"):
        if stale.relative_to(root) not in contents:
            stale.unlink()
    for place, content in contents.items():
        file = root / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_MARK + content)
    return [root / place for place in contents]


def _stubs() -> Iterator[tuple[Path, str]]:
    """Yield the place of each stub below the stub package, and what it says."""
    for source in sorted(_PACKAGE.rglob("*.py")):
        place = source.relative_to(_PACKAGE)
        parts = place.with_suffix("").parts
        if any(part.startswith("_") and part not in ("__init__", "__version__") for part in parts):
            continue
        module = ".".join((_OURS, *(part for part in parts if part != "__init__")))
        lines = [f"from {module} import *"]
        lines += [f"from {module} import {name} as {name}" for name in _not_starred(source)]
        yield place.with_suffix(".pyi"), "\n".join(lines) + "\n"


def _not_starred(source: Path) -> list[str]:
    """Return the public names that a module defines, or passes on, and that a star does not import."""
    names: set[str] = set()
    starred: set[object] | None = None
    for name, value in _definitions(ast.parse(source.read_text(encoding="utf-8")).body):
        if name == "__all__" and isinstance(value, ast.List | ast.Tuple):
            starred = {element.value for element in value.elts if isinstance(element, ast.Constant)}
        elif not name.startswith("_"):
            names.add(name)
    return sorted(name for name in names if starred is not None and name not in starred)


def _definitions(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield what type checkers take for defined, with the value where one is assigned."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name, None
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, statement.value
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement.value
        elif isinstance(statement, ast.ImportFrom):
            # "import name as name" says that the name is passed on
            yield from ((found.name, None) for found in statement.names if found.asname == found.name)
        elif isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            yield from _definitions(statement.body)


def main() -> int:
    """Run the command and return its exit status."""
    arguments = sys.argv[1:]
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        wanted = {"-h", "--help"} & set(arguments)
        print(_USAGE, end="", file=sys.stdout if wanted else sys.stderr)
        return 0 if wanted else 2
    folder = Path(arguments[0] if arguments else "typings")
    try:
        written = write(folder)
    except OSError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(f"{len(written)} stubs written to {folder / _ALIAS}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
