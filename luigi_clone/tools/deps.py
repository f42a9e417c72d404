"""``luigi-deps``: list the tasks between a task and the tasks of a family that it depends on.

``luigi-deps --module my_tasks Report --upstream-family RawData`` prints each task on a way from ``Report``
to a ``RawData`` task, with where its output lies; without ``--upstream-family`` it prints all dependencies.
"""
# PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from luigi_clone import alias, parameter, task
from luigi_clone.cmdline_parser import CmdlineParser
from luigi_clone.target import FileSystemTarget
from luigi_clone.task import flatten

if TYPE_CHECKING:
    from luigi_clone.task import Task


class upstream(task.Config):  # noqa: N801 - the prefix of the option --upstream-family
    """Options of the command."""

    family = parameter.OptionalParameter(default=None)


def get_task_requires(task: Task) -> set[Task]:
    """Return the tasks that ``task`` requires."""
    return set(flatten(task.requires()))


def dfs_paths(
    start_task: Task, goal_task_family: str | None, path: list[Task] | None = None
) -> Iterator[Task]:
    """Yield the tasks of each path from ``start_task`` to a task of the family (None: any), path by path.

    The number of paths may grow exponentially with the depth; :func:`find_deps` does not enumerate them.
    """
    trail = [start_task] if path is None else path
    if goal_task_family is None or start_task.task_family == goal_task_family:
        yield from trail
    for following in get_task_requires(start_task).difference(trail):
        yield from dfs_paths(following, goal_task_family, [*trail, following])


def find_deps(task: Task, upstream_task_family: str | None) -> set[Task]:
    """Return the tasks on a path from ``task`` to a task of the family, both ends included."""
    requirements: dict[Task, set[Task]] = {}
    pending = [task]
    while pending:
        current = pending.pop()
        if current not in requirements:
            requirements[current] = get_task_requires(current)
            pending.extend(requirements[current])
    required_by: dict[Task, list[Task]] = {}
    for dependent, needed in requirements.items():
        for dependency in needed:
            required_by.setdefault(dependency, []).append(dependent)
    found: set[Task] = set()
    pending = [
        each
        for each in requirements
        if upstream_task_family is None or each.task_family == upstream_task_family
    ]
    while pending:
        current = pending.pop()
        if current not in found:
            found.add(current)
            pending.extend(required_by.get(current, ()))
    return found


def find_deps_cli() -> set[Task]:
    """Return the tasks that the command line asks for."""
    with CmdlineParser.global_instance(sys.argv[1:]) as parser:
        return find_deps(parser.get_task_obj(), upstream().family)


def get_task_output_description(task_output: Any) -> str:
    """Return in words where a target lies."""
    if _is_loaded_instance(task_output, "luigi_clone.contrib.ssh", "RemoteTarget"):
        return f"[SSH] {task_output._fs.remote_context.host}:{task_output.path}"
    if _is_loaded_instance(task_output, "luigi_clone.contrib.s3", "S3Target"):
        return f"[S3] {task_output.path}"
    if isinstance(task_output, FileSystemTarget):
        return f"[FileSystem] {task_output.path}"
    if _is_loaded_instance(task_output, "luigi_clone.contrib.postgres", "PostgresTarget"):
        return f"[DB] {task_output.host}:{task_output.table}"
    return "to be determined"


def _is_loaded_instance(value: object, module_name: str, class_name: str) -> bool:
    """Test for a class without importing its module: without the module there is no instance."""
    module = sys.modules.get(module_name)
    return module is not None and isinstance(value, getattr(module, class_name))


def main() -> None:
    """Run the command; its arguments are those of ``luigi`` and ``--upstream-family``."""
    if "_ARGCOMPLETE" in os.environ:
        from luigi_clone._terminal import completion

        completion.complete()
    alias.install()
    for each in find_deps_cli():
        print(f"   TASK: {each}")  # noqa: T201
        for output in _outputs(each.output()):
            print(f"                       : {get_task_output_description(output)}")  # noqa: T201


def _outputs(output: Any) -> Iterable[Any]:
    if isinstance(output, dict):
        return output.values()
    return output if isinstance(output, Iterable) else [output]


if __name__ == "__main__":
    main()
