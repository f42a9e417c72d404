"""Collects failures in the scheduler and mails them together (``[scheduler] batch_emails``).

Each owner of a failed task, and each address of ``[email] receiver``, gets one mail per interval.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from luigi_clone import parameter, task
from luigi_clone.notifications import _escape, email, send_email

__all__ = ["BatchNotifier", "ExplQueue", "batch_email"]

_INDENT = " " * 6


class batch_email(task.Config):  # noqa: N801 - the name of the configuration section
    """Options of ``[batch_email]``."""

    email_interval = parameter.IntParameter(
        default=60,
        config_path={"section": "batch-notifier", "name": "email-interval-minutes"},
        description="Minutes between two mails",
    )
    batch_mode = parameter.ChoiceParameter(
        default="unbatched_params",
        choices=("family", "all", "unbatched_params"),
        description="What is counted together: tasks of one family, tasks with the same unbatched "
        "parameters, or (all) only the very same task",
    )
    error_lines = parameter.IntParameter(
        default=20, description="Last lines shown of each error message; 0 shows all"
    )
    error_messages = parameter.IntParameter(
        default=1, description="Latest different error messages shown of each group; 0 shows none"
    )
    group_by_error_messages = parameter.BoolParameter(
        default=True, description="List groups with the same error messages together"
    )


class ExplQueue(OrderedDict[Any, datetime]):
    """The latest different items, at most ``num_items`` of them; each with the time it was last seen."""

    def __init__(self, num_items: int) -> None:
        self.num_items = num_items
        super().__init__()

    def enqueue(self, item: Any) -> None:
        """Put the item last; the oldest one leaves when there are too many."""
        self.pop(item, None)
        self[item] = datetime.now()
        if len(self) > self.num_items:
            self.popitem(last=False)


class _Account:
    """What happened to the tasks of one owner since the last mail, by group."""

    __slots__ = ("disables", "explanations", "failures", "scheduling_failures")

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self.disables: Counter[str] = Counter()
        self.scheduling_failures: Counter[str] = Counter()
        self.explanations: dict[str, ExplQueue] = {}

    def rank(self, group: str) -> tuple[int, int, str]:
        """Order groups by failures, then disables (most first), then name."""
        return (-self.failures[group] - self.scheduling_failures[group], -self.disables[group], group)

    def prepend(self, earlier: _Account) -> None:
        """Take in what another account of the same owner holds from before."""
        self.failures.update(earlier.failures)
        self.disables.update(earlier.disables)
        self.scheduling_failures.update(earlier.scheduling_failures)
        for group, messages in earlier.explanations.items():
            for message in self.explanations.get(group, ()):
                messages.enqueue(message)
            self.explanations[group] = messages

    def groups(self) -> list[str]:
        """Return the groups in the order of the mail."""
        return sorted({*self.failures, *self.disables, *self.scheduling_failures}, key=self.rank)


def _deliver_now(_subject: str, send: Callable[[], object]) -> bool:
    send()
    return True


class BatchNotifier:
    """Counts events until a mail is due; keyword arguments are options of ``[batch_email]``.

    ``_deliver`` is how a mail is sent: here at once; a scheduler has it sent by another thread.
    """

    _deliver: Callable[[str, Callable[[], object]], bool] = staticmethod(_deliver_now)

    _clock: Callable[[], float] = staticmethod(time.time)

    def __init__(self, **kwargs: Any) -> None:
        self._config = batch_email(**kwargs)
        self._accounts: dict[str, _Account] = {}
        # Held for moments only, never while a mail is on its way.
        self._lock = threading.RLock()
        self._email_format = email().format
        self._default_owner = dict.fromkeys(_trimmed(email().receiver.split(",")))
        self._update_next_send()

    def _update_next_send(self) -> None:
        self._next_send = self._clock() + 60 * self._config.email_interval

    def add_failure(
        self,
        task_name: str,
        family: str,
        unbatched_args: Mapping[str, Any],
        expl: str | None,
        owners: Iterable[str] | None,
    ) -> None:
        """Count a failed run; ``expl`` is its error message."""
        group = self._key(task_name, family, unbatched_args)
        with self._lock:
            for account in self._accounts_of(owners):
                account.failures[group] += 1
                self._explain(account, group, expl)

    def add_disable(
        self, task_name: str, family: str, unbatched_args: Mapping[str, Any], owners: Iterable[str] | None
    ) -> None:
        """Count a task that was disabled because of too many failures."""
        group = self._key(task_name, family, unbatched_args)
        with self._lock:
            for account in self._accounts_of(owners):
                account.disables[group] += 1

    def add_scheduling_fail(
        self,
        task_name: str,
        family: str,
        unbatched_args: Mapping[str, Any],
        expl: str | None,
        owners: Iterable[str] | None,
    ) -> None:
        """Count a task that could not be scheduled; ``expl`` is the error message."""
        group = self._key(task_name, family, unbatched_args)
        with self._lock:
            for account in self._accounts_of(owners):
                account.scheduling_failures[group] += 1
                self._explain(account, group, expl)

    def update(self) -> None:
        """Send the mails if the interval is over."""
        if self._clock() >= self._next_send:
            self.send_email()

    def send_email(self) -> None:
        """Send each owner what there is; what cannot be delivered is kept for the next time."""
        self._update_next_send()
        for owner in list(self._accounts):
            with self._lock:
                account = self._accounts.pop(owner)
            if not self._deliver(*self._mail(account, owner)):
                self._keep(account, owner)

    def _keep(self, account: _Account, owner: str) -> None:
        """Put back what could not be sent, before what came meanwhile."""
        with self._lock:
            newer = self._accounts.setdefault(owner, _Account())
            newer.prepend(account)

    def _key(self, task_name: str, family: str, unbatched_args: Mapping[str, Any]) -> str:
        if self._config.batch_mode == "all":
            return task_name
        if self._config.batch_mode == "family":
            return family
        return f"{family}({', '.join(f'{name}={value}' for name, value in unbatched_args.items())})"

    def _accounts_of(self, owners: Iterable[str] | None) -> list[_Account]:
        names = {**self._default_owner, **dict.fromkeys(_trimmed(owners or ()))}
        return [self._accounts.setdefault(name, _Account()) for name in names]

    def _explain(self, account: _Account, group: str, expl: str | None) -> None:
        if group not in account.explanations:
            account.explanations[group] = ExplQueue(self._config.error_messages)
        account.explanations[group].enqueue(expl)

    def _mail(self, account: _Account, owner: str) -> tuple[str, Callable[[], None]]:
        """Return the subject of a mail and what sends it."""
        counts = [
            _counted("failure", sum(account.failures.values())),
            _counted("disable", sum(account.disables.values())),
            _counted("scheduling failure", sum(account.scheduling_failures.values())),
        ]
        whose = "" if owner in self._default_owner else "Your tasks have "
        what = ", ".join(filter(None, counts))
        subject = f"Luigi: {whose}{what} in the last {self._config.email_interval} minutes"
        body, sender = self._email_body(account), email().sender

        def send() -> None:
            delivered = False
            try:
                delivered = send_email(subject, body, sender, (owner,)) is not False
            finally:
                if not delivered:
                    self._keep(account, owner)

        return subject, send

    def _email_body(self, account: _Account) -> str:
        sections = []
        for messages, groups in self._sections(account):
            items = [self._format_group(account, group) for group in groups]
            sections.append((messages, items))
        return _html_body(sections) if self._email_format == "html" else _plain_body(sections)

    def _sections(self, account: _Account) -> list[tuple[tuple[str, ...], list[str]]]:
        """Return (messages, groups) in the order of the mail."""
        alike: dict[Any, list[str]] = {}
        for group in account.groups():
            messages = tuple(map(self._format_expl, account.explanations.get(group, ())))
            together = self._config.group_by_error_messages
            alike.setdefault((messages, None if together else group), []).append(group)

        def rank(section: tuple[tuple[str, ...], list[str]]) -> tuple[int, int, str]:
            ranks = [account.rank(group) for group in section[1]]
            return (sum(rank[0] for rank in ranks), sum(rank[1] for rank in ranks), ranks[0][2])

        return sorted(((messages, groups) for (messages, _), groups in alike.items()), key=rank)

    def _format_expl(self, expl: Any) -> str:
        lines = ("" if expl is None else str(expl)).rstrip().split("\n")
        return "\n".join(lines[-self._config.error_lines :])

    def _format_group(self, account: _Account, group: str) -> str:
        counts = (
            _counted("failure", account.failures[group]),
            _counted("disable", account.disables[group]),
            _counted("scheduling failure", account.scheduling_failures[group]),
        )
        return f"{group} ({', '.join(filter(None, counts))})"


def _trimmed(addresses: Iterable[str]) -> list[str]:
    return [address.strip() for address in addresses if address.strip()]


def _counted(what: str, number: int) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}" if number else ""


def _plain_body(sections: Iterable[tuple[tuple[str, ...], list[str]]]) -> str:
    texts = []
    for messages, items in sections:
        # Further lines of a value are indented, so that none looks like another item.
        texts.append("- " + "\n  ".join("\n      ".join(item.splitlines()) for item in items))
        texts.extend(_indented(message) for message in filter(None, messages))
    return "\n\n".join(texts)


def _indented(message: str) -> str:
    return "\n".join(_INDENT + line for line in message.split("\n"))


def _html_body(sections: Iterable[tuple[tuple[str, ...], list[str]]]) -> str:
    lines = ["<ul>"]
    for messages, items in sections:
        lines.append("<li>" + "\n<br>".join(map(_escape, items)))
        lines.extend(f"<pre>{_escape(message)}</pre>" for message in filter(None, messages))
    return "\n".join([*lines, "</ul>"])
