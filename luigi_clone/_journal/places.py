"""Which journal a state path means."""

from __future__ import annotations

import logging
import os

from luigi_clone._journal.base import Journal, JournalError

logger = logging.getLogger("luigi.scheduler")

_DATABASES = ("postgresql://", "postgres://")
_SQLITE = b"SQLite format 3\0"


def journal_at(state_path: str) -> Journal:
    """Return the journal for a state path; nothing is opened or made yet.

    A PostgreSQL URL means a database. Where the path is a file of another kind (Luigi's pickle, as a rule),
    the journal is beside it and the file stays as it is. Raises
    :class:`~luigi_clone._journal.base.JournalError` for a place that can be none.
    """
    from luigi_clone._journal.sqlite import SqliteJournal

    if state_path.startswith(_DATABASES):
        from luigi_clone._journal.postgres import PostgresJournal

        return PostgresJournal(state_path)
    if os.path.isdir(state_path):
        raise JournalError(f"the state path {state_path} is a folder; name a file in it")
    if not _is_foreign(state_path):
        return SqliteJournal(state_path)
    beside = f"{state_path}.sqlite"
    if _is_foreign(beside):
        raise JournalError(
            f"neither {state_path} nor {beside} is a journal; give another place with --state-path"
        )
    logger.log(
        logging.INFO if os.path.exists(beside) else logging.ERROR,
        "%s is no journal (a state file of Luigi?): its tasks are not taken over and it stays as it is; "
        "the state is kept in %s",
        state_path,
        beside,
    )
    return SqliteJournal(beside)


def _is_foreign(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            start = file.read(len(_SQLITE))
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        return False
    except OSError as error:
        raise JournalError(f"the state path {path} cannot be read ({error.strerror})") from error
    return bool(start) and start != _SQLITE
