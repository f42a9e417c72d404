"""The pipeline of the wire tests: run by either Luigi, in a folder with a folder ``files``."""

from __future__ import annotations

import os
import time

import luigi

FILES = "files"


def note(name: str, text: str) -> None:
    """Append to a file, in one piece even if several processes do."""
    with open(os.path.join(FILES, name), "ab", buffering=0) as file:
        file.write(text.encode())


def exists(name: str) -> bool:
    return os.path.exists(os.path.join(FILES, name))


def wait_for(name: str) -> None:
    """Wait until the script, or another task, makes a file."""
    deadline = time.monotonic() + 30
    while not exists(name):
        if time.monotonic() > deadline:
            raise RuntimeError(f"there is no file {name}")
        time.sleep(0.02)


class Piece(luigi.Task):
    """A task that writes one file and a line in the list of runs."""

    def output(self):
        return luigi.LocalTarget(os.path.join(FILES, self.file_name()))

    def file_name(self):
        return "-".join([self.task_family, *map(str, self.param_kwargs.values())])

    def run(self):
        note("runs", f"{self.file_name()}\n")
        self.work()
        with self.output().open("w") as file:
            file.write(repr(sorted(self.to_str_params().items())))

    def work(self):
        pass


class Leaf(Piece):
    n = luigi.IntParameter()
    hidden = luigi.Parameter(default="h", visibility=luigi.parameter.ParameterVisibility.HIDDEN)


class Fan(Piece):
    width = luigi.IntParameter(default=4)

    def requires(self):
        return [Leaf(n) for n in range(self.width)]


# ---- failures and retries


class Bad(Piece):
    """Fails while there is a file ``broken``."""

    retry_of_its_own = luigi.IntParameter(default=0)

    @property
    def retry_count(self):
        return self.retry_of_its_own or None

    def work(self):
        if exists("broken"):
            raise ValueError("broken <b>&\u2603")


class NeedsBad(Piece):
    def requires(self):
        return [Bad(), Leaf(1)]


class Unsure(luigi.Task):
    def complete(self):
        raise OSError("no way to tell")


class NeedsUnsure(Piece):
    def requires(self):
        return [Unsure(), Leaf(1)]


class Flaky(Piece):
    """Succeeds in the third attempt."""

    def work(self):
        note("attempts", "I")
        attempt = os.path.getsize(os.path.join(FILES, "attempts"))
        if attempt < 3:
            raise ValueError(f"attempt {attempt}")


class NeedsFlaky(Piece):
    def requires(self):
        return Flaky()


# ---- dependencies found while running


class Dynamic(Piece):
    def requires(self):
        return Leaf(0)

    def work(self):
        pass

    def run(self):
        one = yield Leaf(1)
        two, three = yield [Leaf(2), Leaf(3)]
        named = yield {"four": Leaf(4)}
        with self.output().open("w") as file:
            for target in (one, two, three, named["four"]):
                with target.open() as source:
                    file.write(source.read())


class Imports(luigi.ExternalTask):
    name = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(os.path.join(FILES, self.name))


class NeedsImport(Piece):
    def requires(self):
        return [Imports("import"), Leaf(1)]


# ---- batches


class Newest(Piece):
    day = luigi.IntParameter(batch_method=max)
    kind = luigi.Parameter()
    fails = luigi.BoolParameter(default=False)
    max_batch_size = 3

    def complete(self):
        return any(exists(f"Newest-{day}-{self.kind}-{self.fails}") for day in range(self.day, 10))

    def work(self):
        self.set_status_message("all at once")
        self.set_progress_percentage(50)
        if self.fails:
            raise ValueError("a batch that fails")


class Batches(luigi.WrapperTask):
    fails = luigi.BoolParameter(default=False)

    def requires(self):
        return [Newest(day, kind, self.fails) for kind in ("a", "b") for day in range(3)]


# ---- resources and priorities


class Alone(Piece):
    """Needs the one there is of a resource, and notes when it had it."""

    n = luigi.IntParameter()
    resources = {"lock": 1}

    def work(self):
        begin = time.time()
        time.sleep(0.03)
        note("intervals", f"{begin} {time.time()}\n")


class Alones(luigi.WrapperTask):
    first = luigi.IntParameter()

    def requires(self):
        return [Alone(n) for n in range(self.first, self.first + 4)]


class Ranked(Piece):
    n = luigi.IntParameter()

    @property
    def priority(self):
        return {0: 5, 1: -1, 2: 100, 3: 0.5}[self.n]


class Ranking(luigi.WrapperTask):
    def requires(self):
        return [Ranked(n) for n in range(4)]


class Large(Piece):
    """Holds three of four until ``give``, then two."""

    resources = {"memory": 3, "licence": 1}
    priority = 1

    def work(self):
        note("large", "")
        wait_for("give")
        self.decrease_running_resources({"memory": 1, "unknown": 3})
        wait_for("Small")


class Small(Piece):
    resources = {"memory": 2}


class LargeAndSmall(luigi.WrapperTask):
    def requires(self):
        return [Large(), Small()]


class Needy(Piece):
    resources = {"gpu": 2}


# ---- what a running task tells and is told


class Talker(Piece):
    def work(self):
        self.set_tracking_url("http://example.com/?a=1&b=<2>")
        self.set_status_message("half \u2603 <b>way</b>")
        self.set_progress_percentage(50)
        note("talked", "")
        wait_for("go")
        self.set_progress_percentage(75.5)


class Listener(Piece):
    accepts_messages = True

    def work(self):
        note("listening", "")
        for _ in range(2):
            message = self.scheduler_messages.get(timeout=30)
            note("heard", f"{message.content}\n")
            message.respond(f"to {message}: \u2603")


class Slow(Piece):
    """Runs until the script lets it end."""

    n = luigi.IntParameter(default=0)

    def work(self):
        note(f"begun-{self.n}", "")
        wait_for("go")


class Slows(luigi.WrapperTask):
    width = luigi.IntParameter()

    def requires(self):
        return [Slow(n) for n in range(self.width)]


class Together(Piece):
    """Ends when three of its kind run at the same time."""

    n = luigi.IntParameter()

    def work(self):
        note(f"here-{self.n}", "")
        for n in range(3):
            wait_for(f"here-{n}")


class Meeting(luigi.WrapperTask):
    def requires(self):
        return [Together(n) for n in range(3)]


# ---- names


class Größe(Piece):
    task_namespace = "räume.größen"
    text = luigi.Parameter()
    deep = luigi.DictParameter(default={})

    def file_name(self):
        return "unicode"


class NeedsGröße(luigi.WrapperTask):
    text = luigi.Parameter()

    def requires(self):
        return Größe(self.text, {"schlüssel": ["☃", None, 1.5]})


# ---- one pipeline for many workers


class Joint(Piece):
    n = luigi.IntParameter()
    level = luigi.IntParameter()

    def requires(self):
        return [Joint(n, self.level - 1) for n in range(4)] if self.level else []

    def work(self):
        time.sleep(0.02)


class Joined(luigi.WrapperTask):
    def requires(self):
        return [Joint(n, 2) for n in range(4)]


# ---- a batch that waits


class SlowBatch(Piece):
    day = luigi.IntParameter(batch_method=max)
    max_batch_size = 3

    def complete(self):
        return any(exists(f"SlowBatch-{day}") for day in range(self.day, 10))

    def work(self):
        note("batch-begun", "")
        wait_for("go")


class SlowBatches(luigi.WrapperTask):
    def requires(self):
        return [SlowBatch(day) for day in range(3)]
