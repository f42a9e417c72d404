"""Tasks that fail, each with its own idea of how often to try again.

    export LUIGI_CONFIG_PATH=examples/per_task_retry_policy.cfg PYTHONPATH=examples
    luigi --module per_task_retry_policy Errands --local-scheduler

The configuration keeps the worker waiting for retries (keep_alive), a second after each failure. A task's
retry_count is the number of failures at which the scheduler gives it up; tasks that say nothing get the
retry_count of the section [scheduler].
"""

from pathlib import Path

import luigi


class Errand(luigi.Task):
    """Fails as often as it is told, counting in a file, and then succeeds."""

    failures = luigi.IntParameter()

    @property
    def tries_file(self):
        return Path("retries") / f"{self.task_family}.tries"

    def output(self):
        return luigi.LocalTarget(f"retries/{self.task_family}.done")

    def run(self):
        tries = 1 + (int(self.tries_file.read_text()) if self.tries_file.exists() else 0)
        self.tries_file.parent.mkdir(exist_ok=True)
        self.tries_file.write_text(str(tries))
        if tries <= self.failures:
            raise RuntimeError(f"try {tries} of {self.task_family} failed")
        with self.output().open("w") as file:
            file.write(f"done in try {tries}\n")


class Patient(Errand):
    """Fails twice, may fail four times: succeeds in its third try."""

    retry_count = 5


class Hasty(Errand):
    """Would succeed in its third try, but is given up after the second failure."""

    retry_count = 2


class Default(Errand):
    """Fails once; the scheduler's own retry_count lets it try again."""


class Errands(luigi.WrapperTask):
    """All three. It stays pending, because Hasty is given up."""

    def requires(self):
        return [Patient(failures=2), Hasty(failures=2), Default(failures=1)]


if __name__ == "__main__":
    luigi.run(main_task_cls=Errands, local_scheduler=True)
