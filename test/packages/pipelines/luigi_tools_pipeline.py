"""What luigi-tools adds: targets with a prefix, mixins, linked parameters, configuration, graphs."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from pathlib import Path

import engine

# isort: split
import luigi
import luigi_tools.parameter
import luigi_tools.task
import luigi_tools.util
from luigi_tools.target import OutputLocalTarget
from luigi_tools.task import ParamRef, copy_params

warnings.simplefilter("ignore")
RAN: list[str] = []


@dataclasses.dataclass(frozen=True)
class Window:
    start: int
    label: str = "none"


class Results(OutputLocalTarget):
    __prefix = "tables"


class Source(luigi_tools.task.RerunMixin, luigi_tools.task.LogTargetMixin, luigi.Task):
    size = luigi.IntParameter(default=3)
    ratio = luigi_tools.parameter.RatioParameter(default=0.5)
    upper = luigi_tools.parameter.BoolParameter(default=True)
    extension = luigi_tools.parameter.ExtParameter(default="txt")

    def output(self):
        return OutputLocalTarget(f"source.{self.extension}", prefix="out", create_parent=True)

    def run(self):
        RAN.append(self.task_family)
        with self.output().open("w") as file:
            file.write("X" * self.size if self.upper else "x" * self.size)


@copy_params(
    size=ParamRef(Source),
    other_size=ParamRef(Source, "size", 11),
    ratio=ParamRef(Source, default=None),
)
class Linked(luigi_tools.task.WorkflowTask):
    window = luigi_tools.parameter.DataclassParameter(cls_type=Window, default=Window(start=1))
    maybe = luigi_tools.parameter.OptionalBoolParameter(default=None)
    maybe_ratio = luigi_tools.parameter.OptionalRatioParameter(default=None)

    def requires(self):
        return Source()

    def output(self):
        return {"main": Results("linked.txt", prefix="out"), "side": [OutputLocalTarget("out/side.txt")]}

    def run(self):
        RAN.append(self.task_family)
        for target in luigi.task.flatten(self.output()):
            with target.open("w") as file:
                file.write(f"{self.size} {self.ratio} {self.window.start}")


class Everything(luigi_tools.task.WorkflowWrapperTask):
    def requires(self):
        return [Linked(), Source(size=5)]


class Corrupting(luigi_tools.task.RemoveCorruptedOutputMixin, luigi.Task):
    def output(self):
        return luigi.LocalTarget("corrupted.txt")

    def run(self):
        Path(self.output().path).write_text("half")
        raise RuntimeError("this one is meant to fail")


def parameter_errors():
    errors = []
    for make in (
        lambda: Source(ratio=1.5),
        lambda: Linked(maybe_ratio=-1.0),
        lambda: copy_params(size=ParamRef(Source))(Source),
        lambda: copy_params()(Linked),
    ):
        try:
            make()
            errors.append("none")
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
    return errors


def main():
    results = {}
    build = {"local_scheduler": True, "detailed_summary": True}
    results["first"] = luigi.build([Everything()], **build).status.name
    results["ran"] = sorted(RAN)
    results["files"] = {
        str(path): path.read_text() for path in sorted(Path("out").rglob("*")) if path.is_file()
    }
    del RAN[:]
    luigi.build([Everything()], **build)
    results["nothing again"] = list(RAN)
    with luigi_tools.util.set_luigi_config({"Source": {"rerun": "true", "size": "7"}}):
        luigi.task_register.Register.clear_instance_cache()
        luigi.build([Linked()], **build)
        results["rerun"] = list(RAN)
        results["linked by configuration"] = [Linked().size, Linked(size=1).size]
        results["under another name"] = Linked().other_size
    luigi.task_register.Register.clear_instance_cache()
    results["after the configuration"] = [Linked().size, Linked().window.label]
    results["from text"] = Linked.from_str_params(
        {"window": '{"start": 4, "label": "a"}', "maybe": "true"}
    ).to_str_params()
    with luigi_tools.util.set_luigi_config({"Corrupting": {"clean_failed": "true"}}):
        luigi.build([Corrupting()], **build)
        results["removed"] = not Path("corrupted.txt").exists()
    luigi.task_register.Register.clear_instance_cache()
    graph = luigi_tools.util.get_dependency_graph(Everything(), allow_orphans=True)
    results["graph"] = sorted(f"{parent} > {child}" for parent, child in graph)
    seen = []
    luigi_tools.util.apply_over_outputs(Linked(), lambda target, key=None: seen.append([key, target.path]))
    results["outputs"] = sorted(seen, key=str)
    results["rerun anywhere"] = luigi_tools.util.recursive_check(Linked())
    results["errors"] = parameter_errors()
    OutputLocalTarget.set_default_prefix("elsewhere")
    results["prefixed"] = Results("x.txt").path
    engine.report(**results)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(not luigi.run())
    main()
