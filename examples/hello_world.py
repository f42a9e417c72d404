"""One task that writes one file.

    PYTHONPATH=examples luigi --module hello_world HelloWorld --local-scheduler

The first run writes hello-world.txt; the second finds it there and runs nothing.
"""

import luigi


class HelloWorld(luigi.Task):
    name = luigi.Parameter(default="world")

    def output(self):
        return luigi.LocalTarget(f"hello-{self.name}.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(f"Hello, {self.name}!\n")


if __name__ == "__main__":
    luigi.run(main_task_cls=HelloWorld, local_scheduler=True)
