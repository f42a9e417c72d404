"""What a worker logs, mails and announces when something fails."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any

from luigi_clone import notifications
from luigi_clone._postman import post_error_email
from luigi_clone._worker.command_line import shown_command
from luigi_clone._worker.talking import Talking

if TYPE_CHECKING:
    from luigi_clone.task import Task

logger = logging.getLogger("luigi-interface")


class FailureReports(Talking):
    """The part of a worker that reports failures to people."""

    def _log_complete_error(self, task: Task, tb: str) -> None:
        logger.warning("Will not run %s or any dependencies due to error in complete() method:\n%s", task, tb)

    def _log_dependency_error(self, task: Task, tb: str) -> None:
        logger.warning("Will not run %s or any dependencies due to error in deps() method:\n%s", task, tb)

    def _log_unexpected_error(self, task: Task) -> None:
        logger.exception("Luigi unexpected framework error while scheduling %s", task)

    def _announce_scheduling_failure(self, task: Task, expl: str) -> None:
        try:
            self._scheduler.announce_scheduling_failure(
                worker=self._id,
                task_name=str(task),
                family=task.task_family,
                params=task.to_str_params(only_significant=True),
                expl=expl,
                owners=task._owner_list(),
            )
        except Exception:
            self._email_unexpected_error(task, traceback.format_exc())
            raise

    def _email_complete_error(self, task: Task, formatted_traceback: str) -> None:
        self._announce_scheduling_failure(task, formatted_traceback)
        if self._config.send_failure_email:
            self._email_error(
                task,
                formatted_traceback,
                subject="Luigi: {task} failed scheduling. Host: {host}",
                headline="Will not run {task} or any dependencies due to error in complete() method",
            )

    def _email_dependency_error(self, task: Task, formatted_traceback: str) -> None:
        self._announce_scheduling_failure(task, formatted_traceback)
        if self._config.send_failure_email:
            self._email_error(
                task,
                formatted_traceback,
                subject="Luigi: {task} failed scheduling. Host: {host}",
                headline="Will not run {task} or any dependencies due to error in deps() method",
            )

    def _email_unexpected_error(self, task: Task, formatted_traceback: str) -> None:
        # Mailed whatever send_failure_email says: this is not a failure of the task.
        self._email_error(
            task,
            formatted_traceback,
            subject="Luigi: Framework error while scheduling {task}. Host: {host}",
            headline="Luigi framework error",
        )

    def _email_task_failure(self, task: Task, formatted_traceback: Any) -> None:
        if self._config.send_failure_email:
            self._email_error(
                task,
                formatted_traceback,
                subject="Luigi: {task} FAILED. Host: {host}",
                headline="A task failed when running. Most likely run() raised an exception.",
            )

    def _email_error(self, task: Task, formatted_traceback: Any, subject: str, headline: str) -> None:
        try:
            message = notifications.format_task_error(
                headline.format(task=task, host=self.host),
                task,
                shown_command(sys.argv),
                _text(formatted_traceback),
            )
            self._send_error_email(subject.format(task=task, host=self.host), message, task.owner_email)
        except Exception:  # texts of tasks and options are the user's; a mail must not end a run
            logger.exception("Could not write the e-mail about %s", task.task_id)

    def _send_error_email(self, subject: str, message: str, recipients: Any = None) -> None:
        """Have a mail sent, without keeping the tasks waiting for it."""
        post_error_email(subject, message, recipients)


def _text(expl: Any) -> str | None:
    """Return an explanation as the text that a mail can hold."""
    return expl if expl is None or isinstance(expl, str) else str(expl)
