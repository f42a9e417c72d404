"""The counts behind the bar, on real workers, against the categories of the summary."""

from __future__ import annotations

import luigi
import pytest
from luigi import execution_summary, scheduler, worker

from luigi_clone._terminal.counting import Counts, Tally


class Task(luigi.Task):
    n = luigi.IntParameter(default=0)
    runs: dict = {}

    @property
    def times(self):
        return self.runs.get(self, 0)

    def run(self):
        self.runs[self] = self.times + 1

    def complete(self):
        return bool(self.times)


class Before(Task):
    def complete(self):
        return True


class Fails(Task):
    def run(self):
        raise RuntimeError


class FailsOnce(Task):
    def run(self):
        super().run()
        if self.times == 1:
            raise RuntimeError

    def complete(self):
        return self.times > 1


class Missing(luigi.ExternalTask):
    def complete(self):
        return False


class Broken(Task):
    def complete(self):
        raise RuntimeError


class Disabled(Task):
    disabled = True


class Batched(Task):
    n = luigi.IntParameter(batch_method=max)

    def run(self):
        for n in range(self.n + 1):
            self.runs[Batched(n)] = 1


class Dynamic(Task):
    def run(self):
        yield [Task(n) for n in range(10, 13)]
        super().run()


class Needs(luigi.Task):
    what = luigi.ListParameter()

    def requires(self):
        return [globals()[name](n=n) if name != "Missing" else Missing() for name, n in self.what]

    def complete(self):
        return False


@pytest.fixture(autouse=True)
def _nothing_has_run():
    Task.runs.clear()


def run(tasks, **options):
    """Run tasks; return the counts before, at each start and after, and the summary's categories."""
    sch = scheduler.Scheduler(retry_delay=0.0, retry_count=3, prune_on_get_work=True)
    options = {"wait_interval": 0.01, "wait_jitter": 0, "worker_id": "X", **options}
    with worker.Worker(scheduler=sch, **options) as w:
        tally = Tally(w)
        seen = []

        @luigi.Task.event_handler(luigi.Event.START)
        def _(task):
            seen.append(tally.counts())

        for task in tasks:
            w.add(task)
        found = tally.counts()
        assert tally.found() == sum(found)
        w.run()
        categories = execution_summary._summary_dict(w)
        after = tally.counts()
        assert after == Tally(w).counts(), "looking often and looking once see the same"
    return found, seen, after, categories


def test_nothing_yet():
    with worker.Worker(scheduler=scheduler.Scheduler()) as w:
        assert Tally(w).counts() == Counts()
        assert Tally(w).found() == 0


def test_each_state_has_its_count():
    kinds = [
        ("Task", 1),
        ("Task", 2),
        ("Before", 1),
        ("Fails", 1),
        ("Missing", 0),
        ("Broken", 1),
        ("Disabled", 1),
    ]
    found, _, after, categories = run([Needs(kinds)])
    assert found == Counts(complete=1, pending=4, missing=1, refused=1, disabled=1)
    assert after == Counts(complete=1, done=2, failed=1, pending=1, missing=1, refused=1, disabled=1)
    assert after.complete == len(categories["already_done"])
    assert after.done == len(categories["completed"])
    assert after.failed == len(categories["failed"])
    assert after.missing == len(categories["still_pending_ext"])
    assert after.refused == len(categories["scheduling_error"])


def test_what_runs_is_not_pending():
    _, seen, after, _ = run([Task(1), Task(2), Task(3)])
    assert [(counts.running, counts.pending, counts.done) for counts in seen] == [
        (1, 2, 0),
        (1, 1, 1),
        (1, 0, 2),
    ]
    assert after == Counts(done=3)


def test_a_task_that_is_tried_again_is_failed_in_between():
    _, seen, after, _ = run([FailsOnce(1)], keep_alive=True)
    assert seen == [Counts(running=1), Counts(running=1)]
    assert after == Counts(done=1)


def test_members_of_a_batch_count_and_the_batch_does_not():
    found, seen, after, _ = run([Batched(n) for n in range(5)])
    assert found == Counts(pending=5)
    assert seen == [Counts(running=5)]
    assert after == Counts(done=5)


def test_what_is_required_while_running_comes_on_top():
    found, seen, after, _ = run([Dynamic()])
    assert found == Counts(pending=1)
    assert seen[1] == Counts(running=1, pending=3)
    assert after == Counts(done=4)


def test_tasks_that_require_each_other_are_counted_again():
    class Ring(luigi.Task):
        n = luigi.IntParameter()

        def requires(self):
            return Ring((self.n + 1) % 3)

        def complete(self):
            return False

    with worker.Worker(scheduler=scheduler.Scheduler()) as w:
        tally = Tally(w)
        w.add(Task(1))
        assert tally.counts() == Counts(pending=1)
        real = w._refuse_cycle

        def look_and_refuse(*args):
            assert tally.counts() == Counts(pending=4)
            real(*args)

        w._refuse_cycle = look_and_refuse
        assert not w.add(Ring(0))
        assert tally.counts() == Counts(pending=1, refused=3)


def test_an_assistant_counts_what_others_have_registered():
    sch = scheduler.Scheduler()
    with worker.Worker(scheduler=sch, worker_id="other") as other:
        other.add(Task(1))
        with worker.Worker(scheduler=sch, worker_id="assistant", assistant=True, wait_interval=0.01) as w:
            tally = Tally(w)
            response = w._get_work()
            w._run_task(response.task_id)
            assert tally.counts() == Counts(running=1)
            w._handle_next_task()
            assert tally.counts() == Counts(done=1)
