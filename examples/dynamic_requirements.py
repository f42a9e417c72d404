"""A task that learns only while it runs what else it needs.

    PYTHONPATH=examples luigi --module dynamic_requirements Total --local-scheduler

Order names the parts it is made of; Total reads that list and then yields one task per part. When a
yielded task is not complete yet, run() is left, the task is run, and run() starts again from its beginning:
keep what comes before a yield cheap and without side effects.
"""

import json

import luigi


class Order(luigi.Task):
    """The list of parts. Think of a query whose answer nobody knows beforehand."""

    def output(self):
        return luigi.LocalTarget("dynamic/order.json")

    def run(self):
        with self.output().open("w") as file:
            json.dump({"bolts": 12, "nuts": 12, "washers": 24}, file)


class Price(luigi.Task):
    """What one part costs."""

    part = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(f"dynamic/price-{self.part}.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(str(len(self.part)))


class Total(luigi.Task):
    """The sum over all parts, whichever they turn out to be."""

    def requires(self):
        return Order()

    def output(self):
        return luigi.LocalTarget("dynamic/total.txt")

    def run(self):
        with self.input().open() as file:
            order = json.load(file)
        # a structure of tasks goes out, the same structure of targets comes back
        prices = yield {part: Price(part=part) for part in order}
        total = 0
        for part, amount in order.items():
            with prices[part].open() as file:
                total += amount * int(file.read())
        with self.output().open("w") as file:
            file.write(f"{total}\n")


if __name__ == "__main__":
    luigi.run(main_task_cls=Total, local_scheduler=True)
