"""Counting the words of a text file.

PYTHONPATH=examples luigi --module wordcount WordCount --text README.md --local-scheduler
"""

import re
from collections import Counter
from pathlib import Path

import luigi


class Text(luigi.ExternalTask):
    """A file that somebody else provides. Without it, WordCount is left pending."""

    text = luigi.PathParameter(description="the file whose words are counted")

    def output(self):
        return luigi.LocalTarget(self.text)


class WordCount(luigi.Task):
    """The words of the text, most frequent first, one a line with its count."""

    text = luigi.PathParameter(description="the file whose words are counted")
    folder = luigi.PathParameter(default=Path("wordcount"), description="where the counts are written")

    def requires(self):
        return Text(text=self.text)

    def output(self):
        return luigi.LocalTarget(self.folder / f"{self.text.stem}.tsv")

    def run(self):
        counts = Counter()
        with self.input().open() as lines:
            for line in lines:
                counts.update(re.findall(r"\w+", line.lower()))
        with self.output().open("w") as file:
            for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
                file.write(f"{word}\t{count}\n")


if __name__ == "__main__":
    luigi.run(main_task_cls=WordCount)
