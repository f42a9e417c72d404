"""Tasks that run a program, and what a task needs that runs one by itself.

The program is started without a shell. What it prints is collected and logged after its end, its failure
fails the task, and it is killed when the worker ends the task.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType, TracebackType
from typing import IO, Any

from luigi_clone.parameter import BoolParameter, ChoiceParameter, OptionalParameter, ParameterVisibility
from luigi_clone.task import Task

logger = logging.getLogger("luigi-interface")

_SECONDS_FOR_LAST_LINES = 1.0
"""How long the search for the tracking URL goes on when the program has ended but its stream is open."""
_SECRET_NAME = re.compile(
    r"PASS|SECRET|TOKEN|CREDENTIAL|AUTH|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY", re.IGNORECASE
)
_SECRET_IN_URL = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*(?=@)")


class ExternalProgramRunError(RuntimeError):
    """A program has failed.

    ``message``, ``args`` (the command), ``env`` (its whole environment), ``out`` and ``err`` tell how. The
    text shows of the environment only what this process does not have, likely secrets masked.
    """

    def __init__(
        self,
        message: str,
        args: Sequence[str],
        env: Mapping[str, str] | None = None,
        stdout: str | None = None,
        stderr: str | None = None,
    ) -> None:
        super().__init__(message, args, env, stdout, stderr)
        self.message = message
        self.args = tuple(args)
        self.env = env
        self.out = stdout
        self.err = stderr

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.args, self.env, self.out, self.err)

    def __str__(self) -> str:
        command = " ".join(map(str, self.args))
        lines = [
            self.message,
            f"COMMAND: {command}",
            f"STDOUT: {self.out or '[empty]'}",
            f"STDERR: {self.err or '[empty]'}",
            f"ENVIRONMENT: {_shown_environment(self.env or {}) or '[empty]'}",
        ]
        # the program may have coloured the terminal and not come to setting it back
        return "\n".join(lines) + "\033[m"


def _shown_environment(environment: Mapping[str, str]) -> str:
    own = {name: value for name, value in environment.items() if os.environ.get(name) != value}
    return " ".join(
        f"{name}={'***' if _SECRET_NAME.search(name) else _SECRET_IN_URL.sub('***', value)!r}"
        for name, value in own.items()
    )


class ExternalProgramRunContext:
    """Kills a program when this process gets SIGTERM, which then exits with 128 + 15, or is interrupted.

    Outside the main thread, where Python has no signal handlers, SIGTERM is left to whoever handles it.
    """

    def __init__(self, proc: Any) -> None:
        self.proc = proc
        self._previous: Any = None
        self._handles_signals = False

    def __enter__(self) -> ExternalProgramRunContext:
        self._handles_signals = threading.current_thread() is threading.main_thread()
        if self._handles_signals:
            self._previous = signal.signal(signal.SIGTERM, self.kill_job)
        return self

    def kill_job(self, captured_signal: int | None = None, stack_frame: FrameType | None = None) -> None:
        """Kill the program; as a signal handler, exit as well."""
        self.proc.kill()
        if captured_signal is not None:
            # what a shell reports for a process that a signal has ended
            sys.exit(128 + captured_signal)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if exc_type is not None and issubclass(exc_type, KeyboardInterrupt):
            self.kill_job()
        if self._handles_signals:
            # a handler that was not set from Python cannot be set again
            signal.signal(signal.SIGTERM, self._previous if self._previous is not None else signal.SIG_DFL)


class ExternalProgramTask(Task):
    """Runs the program that :meth:`program_args` names.

    Override :meth:`program_args`, and :meth:`program_environment` if it needs variables of its own.
    ``--capture-output False`` lets the program write straight through. With
    ``stream_for_searching_tracking_url`` and ``tracking_url_pattern`` its output is searched, while it runs,
    for the address where it can be watched.
    """

    capture_output = BoolParameter(default=True, significant=False, positional=False)
    stream_for_searching_tracking_url = ChoiceParameter(
        var_type=str,
        choices=["none", "stdout", "stderr"],
        default="none",
        significant=False,
        positional=False,
        visibility=ParameterVisibility.HIDDEN,
        description="Stream for searching tracking URL",
    )
    tracking_url_pattern = OptionalParameter(
        default=None,
        significant=False,
        positional=False,
        visibility=ParameterVisibility.HIDDEN,
        description="Regex pattern used for searching URL in the logs of the external program",
    )

    def program_args(self) -> list[Any]:
        """Return the program and its arguments; each is turned into text."""
        raise NotImplementedError

    def program_environment(self) -> dict[str, str]:
        """Return all variables of the program's environment: a copy of this process's."""
        return os.environ.copy()

    @property
    def always_log_stderr(self) -> bool:
        """Whether the standard error is logged also when the program has succeeded."""
        return True

    def build_tracking_url(self, logs_output: str) -> str:
        """Return the address for what group 1 of the pattern has found: the same."""
        return logs_output

    def run(self) -> None:
        """Run the program to its end and log what it has printed.

        Raises :class:`ExternalProgramRunError` when its exit code is not 0.
        """
        args = [str(arg) for arg in self.program_args()]
        environment = self.program_environment()
        logger.info("Running command: %s", " ".join(args))
        with contextlib.ExitStack() as stack:
            files: dict[str, IO[bytes]] = {}
            if self.capture_output:
                files = {
                    name: stack.enter_context(tempfile.TemporaryFile(buffering=0))
                    for name in ("stdout", "stderr")
                }
            with self._running(args, environment, files) as process, ExternalProgramRunContext(process):
                process.wait()
            succeeded = process.returncode == 0
            printed = {name: _text_of(file) for name, file in files.items()}
        out, err = printed.get("stdout"), printed.get("stderr")
        if out:
            logger.info("Program stdout:\n%s", out)
        if err and (self.always_log_stderr or not succeeded):
            logger.info("Program stderr:\n%s", err)
        if not succeeded:
            raise ExternalProgramRunError(
                f"Program failed with return code={process.returncode}:",
                args,
                env=environment,
                stdout=out,
                stderr=err,
            )

    @contextlib.contextmanager
    def _running(
        self, args: list[str], environment: Mapping[str, str], files: Mapping[str, IO[bytes]]
    ) -> Iterator[subprocess.Popen[bytes]]:
        streams: dict[str, Any] = dict(files)
        searched = self.stream_for_searching_tracking_url if self.tracking_url_pattern else "none"
        if searched != "none":
            streams[searched] = subprocess.PIPE
        process = subprocess.Popen(args, env=environment, **streams)  # noqa: S603 - the task says which program
        if searched == "none":
            yield process
            return
        pipe = process.stdout if searched == "stdout" else process.stderr
        assert pipe is not None
        search = threading.Thread(
            target=self._search, args=(pipe, files.get(searched), searched), name="tracking-url", daemon=True
        )
        search.start()
        try:
            yield process
        finally:
            search.join(_SECONDS_FOR_LAST_LINES)

    def _search(self, pipe: IO[bytes], copy: IO[bytes] | None, name: str) -> None:
        """Pass the stream on line by line and tell of each address that is found in it."""
        assert self.tracking_url_pattern is not None
        pattern: re.Pattern[str] | None = re.compile(self.tracking_url_pattern)
        passed_on = copy if copy is not None else getattr(sys, f"__{name}__").buffer
        with pipe:
            for line in pipe:
                try:
                    passed_on.write(line)
                    passed_on.flush()
                except ValueError:
                    return  # closed: the program has ended, and what still writes is a child of its own
                found = pattern.search(line.decode(errors="replace")) if pattern is not None else None
                if found and not self._tell(found.group(1)):
                    pattern = None

    def _tell(self, found: str) -> bool:
        """Set the tracking URL; tell whether the scheduler can be told of the next one."""
        if self.set_tracking_url is None:
            return False
        try:
            self.set_tracking_url(self.build_tracking_url(found))
        except Exception:
            logger.warning("The tracking URL of %s cannot be set; it is given up", self, exc_info=True)
            return False
        return True


def _text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


class ExternalPythonProgramTask(ExternalProgramTask):
    """Runs a Python program, in a virtual environment and with modules of its own if it is told so."""

    virtualenv = OptionalParameter(
        default=None,
        positional=False,
        description="path to the virtualenv directory to use. It should point to the directory containing "
        "the ``bin/activate`` file used for enabling the virtualenv.",
    )
    extra_pythonpath = OptionalParameter(
        default=None,
        positional=False,
        description="extend the search path for modules by prepending this value to the ``PYTHONPATH`` "
        "environment variable.",
    )

    def program_environment(self) -> dict[str, str]:
        """Return this process's environment with ``virtualenv`` active and ``extra_pythonpath`` in front."""
        environment = super().program_environment()
        if self.extra_pythonpath:
            environment["PYTHONPATH"] = f"{self.extra_pythonpath}:{environment.get('PYTHONPATH', '')}"
        if self.virtualenv:
            environment["PATH"] = f"{self.virtualenv}/bin:{environment.get('PATH', '')}"
            environment["VIRTUAL_ENV"] = self.virtualenv
            environment.pop("PYTHONHOME", None)
        return environment
