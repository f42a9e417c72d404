"""What law changes in Luigi's parameters and registers, and its tasks run by ``luigi.build``."""

from __future__ import annotations

import engine

# isort: split
import law
import luigi

law.patches.patch_all()


class Labelled(law.Task):
    label = law.Parameter(default="none")
    count = luigi.IntParameter(default=3, description="how many")
    window = law.MultiRangeParameter(default=((1, 3),), require_start=False)

    def output(self):
        return law.LocalFileTarget("$PWD/labelled.txt")

    def run(self):
        self.output().dump(f"{self.label!r} {self.count}", formatter="text")


class Derived(Labelled):
    count = Labelled.count.copy(default=7, add_default_to_description=True)
    exclude_params_index = {"window"}


def parsed(parameter, text):
    try:
        value = parameter._parse_or_no_value(text)
    except ValueError as error:
        return str(error)
    return value if isinstance(value, str | int) else type(value).__name__


def main():
    # an empty text is a value for law, and none for Luigi
    parameters = [luigi.Parameter(default="x"), luigi.IntParameter(default=3), luigi.BoolParameter()]
    texts = ["", None, "0", "1", "x"]
    luigi.configuration.get_config().set("Labelled", "label", "")
    built = luigi.build([Labelled()], local_scheduler=True, detailed_summary=True)
    engine.report(
        parsed=[[parsed(parameter, text) for text in texts] for parameter in parameters],
        label=Labelled().label,
        written=Labelled().output().load(formatter="text"),
        status=built.status.name,
        success=built.scheduling_succeeded,
        copied=[Derived().count, Derived.count.description, Derived.count._default],
        requested=repr(Derived.req(Labelled(count=5), label="other")),
        window=repr(Labelled(window=((1, 2), (4, 6))).to_str_params()),
        live_id=Derived().live_task_id,
        task_ids=[Labelled().task_id, Derived().task_id],
    )


if __name__ == "__main__":
    main()
