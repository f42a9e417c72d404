"""Two directives that show files of the repository: the tables of differences, and the unreleased news."""

import csv
import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive

TITLES = {
    "01": "Tasks",
    "02": "Parameters",
    "03": "Targets and formats",
    "04": "Configuration and command line",
    "05": "Worker",
    "06": "Scheduler",
    "07": "Server and protocol",
    "08": "Web page",
    "09": "Contributed modules: storage",
    "10": "Contributed modules: computing",
}
KINDS = ["added", "changed", "fixed", "removed"]


def text_nodes(text):
    """Return the text as nodes, what stands in backticks as code."""
    parts = re.split(r"`+([^`]+)`+", text)
    return [nodes.literal("", part) if number % 2 else nodes.Text(part) for number, part in enumerate(parts)]


def read_table(file):
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


class Differences(Directive):
    """One section a CSV file, one table row an entry."""

    def run(self):
        environment = self.state.document.settings.env
        folder = Path(environment.srcdir, "differences")
        found = []
        for file in sorted(folder.glob("*.csv")):
            environment.note_dependency(str(file))
            number = file.stem.partition("-")[0]
            section = nodes.section(ids=[f"differences-{file.stem}"])
            section += nodes.title("", TITLES.get(number, file.stem))
            section += self.table(number, read_table(file))
            found.append(section)
        return found

    def table(self, number, rows):
        group = nodes.tgroup(cols=4)
        for width in (8, 10, 60, 30):
            group += nodes.colspec(colwidth=width)
        head = nodes.thead()
        head += self.row([[nodes.Text(title)] for title in ("Entry", "Decision", "What", "Test")])
        body = nodes.tbody()
        for row in rows:
            tests = [nodes.literal("", name.partition("::")[2] or name) for name in row["test"].split()]
            entry = [nodes.Text(f"{number}-{row['entry']}")]
            body += self.row([entry, [nodes.Text(row["decision"])], text_nodes(row["what"]), tests])
        group += [head, body]
        return nodes.table("", group)

    def row(self, cells):
        row = nodes.row()
        for cell in cells:
            entry = nodes.entry()
            if cell:
                entry += nodes.paragraph("", "", *cell)
            row += entry
        return row


class News(Directive):
    """The fragments of changelog.d, grouped by what they tell."""

    def run(self):
        environment = self.state.document.settings.env
        folder = Path(environment.srcdir, "changelog.d")
        found = []
        for kind in KINDS:
            fragments = sorted(folder.glob(f"*.{kind}.md"))
            if not fragments:
                continue
            items = nodes.bullet_list()
            for file in fragments:
                environment.note_dependency(str(file))
                for paragraph in file.read_text(encoding="utf-8").strip().split("\n\n"):
                    text = " ".join(paragraph.removeprefix("- ").split())
                    items += nodes.list_item("", nodes.paragraph("", "", *text_nodes(text)))
            section = nodes.section(ids=[f"news-{kind}"])
            section += [nodes.title("", kind.capitalize()), items]
            found.append(section)
        return found


def setup(app):
    app.add_directive("differences", Differences)
    app.add_directive("news", News)
    return {"parallel_read_safe": True}
