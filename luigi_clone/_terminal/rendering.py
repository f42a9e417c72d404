"""The text of the progress bar; bar, percentage and times are written by tqdm.

Of the two libraries that people know, tqdm draws a line in one pure function of 30 microseconds and needs
nothing else installed; rich renders documents, takes a hundred times as long for it and brings four packages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tqdm.std import tqdm
from tqdm.utils import disp_len, disp_trim

if TYPE_CHECKING:
    from luigi_clone._terminal.counting import Counts

_GREEN, _RED, _YELLOW, _CYAN = "32", "31", "33", "36"

_SHOWN = (
    # field, word, colour; the first to go when the terminal is narrow is the last
    ("failed", "failed", _RED),
    ("running", "running", _CYAN),
    ("pending", "pending", ""),
    ("refused", "not scheduled", _RED),
    ("missing", "missing", _YELLOW),
    ("done", "done", _GREEN),
    ("complete", "complete before", ""),
    ("disabled", "disabled", _YELLOW),
)


class Style(NamedTuple):
    """What the terminal can show."""

    unicode: bool = True
    colour: bool = True


def discovery_line(found: int, counts: Counts, elapsed: float, width: int, style: Style) -> str:
    """Return what is known while tasks are still being found; ``elapsed`` in seconds."""
    head = f"{found} task{'' if found == 1 else 's'} found [{tqdm.format_interval(elapsed)}]"
    return _fitting([f"{head} {words}" for words in _words(counts, style)], width)


def running_line(counts: Counts, elapsed: float, running_for: float, width: int, style: Style) -> str:
    """Return bar, numbers, elapsed and estimated time (seconds), and as many of the counts as fit.

    The estimate takes it that the tasks to come take as long, on the whole, as those that are over.
    """

    def drawn(words: str, columns: int | None = None) -> str:
        return str(
            tqdm.format_meter(
                counts.over,
                counts.to_run,
                elapsed,
                ncols=columns,
                ascii=not style.unicode,
                rate=counts.over / running_for if running_for > 0 else 0,
                bar_format="{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}] {desc}",
                prefix=words,
            )
        ).rstrip()

    for words in _words(counts, style):
        if disp_len(drawn(words)) <= width:  # with a bar of ten columns
            return drawn(words, width)
    return drawn("", width)


def _words(counts: Counts, style: Style) -> list[str]:
    """Return the counts in words: all of them, then fewer and fewer."""
    parts = []
    for field, word, colour in _SHOWN:
        number = getattr(counts, field)
        if number:
            text = f"{number} {word}"
            parts.append(f"\x1b[{colour}m{text}\x1b[0m" if colour and style.colour else text)
    return [", ".join(parts[:length]) for length in range(len(parts), -1, -1)]


def _fitting(texts: list[str], width: int) -> str:
    for text in texts:
        if disp_len(text) <= width:
            return text.rstrip()
    return str(disp_trim(texts[-1], width)).rstrip()
