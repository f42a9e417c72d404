"""Docstrings as trees of plain nodes, from which pages make their elements; no markup is trusted."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from typing import Any

Node = dict[str, Any]

LONGEST = 8_192
"""Longer docstrings are shown as they are: reading their markup would take too long."""
_DEEPEST = 20
_MOST_NODES = 5_000

_PLAIN = {
    "paragraph": "p",
    "emphasis": "em",
    "strong": "strong",
    "literal": "code",
    "title_reference": "code",
    "bullet_list": "ul",
    "enumerated_list": "ol",
    "list_item": "li",
    "title": "h",
    "rubric": "h",
    "definition_list": "dl",
    "field_list": "dl",
    "term": "dt",
    "field_name": "dt",
    "definition": "dd",
    "field_body": "dd",
    "block_quote": "quote",
}
_AS_IT_IS = ("literal_block", "doctest_block", "math_block", "option_list", "line_block")
_QUOTED = (
    "note",
    "warning",
    "tip",
    "important",
    "caution",
    "attention",
    "danger",
    "error",
    "hint",
    "admonition",
)
_NOTHING = (
    "comment",
    "system_message",
    "target",
    "substitution_definition",
    "meta",
    "pending",
    "raw",
    "image",
)
_ROLE = re.compile(r":[\w:+.-]{1,60}:`([^`]{1,500})`")
_LINK = re.compile(r"(?:https?://|mailto:)[^\s<>\"]{1,2000}", re.IGNORECASE)


@functools.lru_cache(maxsize=500)
def tree_of(doc: str) -> tuple[Node, ...]:
    """Return the nodes of a docstring, indented as in its source; it is read as reStructuredText.

    What cannot be read is shown as it is. The nodes are shared: they must not be changed.
    """
    text = _dedented(doc)
    if not text:
        return ()
    if len(text) <= LONGEST:
        try:
            return tuple(_Converter().children(_parsed(text), 0)) or (_pre(text),)
        except Exception:  # the parser is not ours, and anybody may have written the text
            return (_pre(text),)
    return (_pre(text),)


def _pre(text: str) -> Node:
    return {"t": "pre", "text": text}


def _dedented(doc: str) -> str:
    lines = doc.expandtabs().replace("\0", "").strip("\n").splitlines()
    later = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    margin = min(later, default=0)
    return "\n".join(
        [line.strip() for line in lines[:1]] + [line[margin:].rstrip() for line in lines[1:]]
    ).strip()


_SAFE = {
    "raw_enabled": False,
    "file_insertion_enabled": False,
    "report_level": 5,
    "halt_level": 5,
    "warning_stream": False,
    "syntax_highlight": "none",
    "pep_references": False,
    "rfc_references": False,
}


def _parsed(text: str) -> Any:
    """Parse without transformations: these can blow a text up, and none is needed."""
    from docutils.frontend import get_default_settings
    from docutils.parsers.rst import Parser
    from docutils.utils import new_document

    settings = get_default_settings(Parser)
    for name, value in _SAFE.items():
        setattr(settings, name, value)
    document = new_document("docstring", settings)
    Parser().parse(text, document)
    return document


class _TooLargeError(Exception):
    """There are more nodes than a page can show."""


class _Converter:
    def __init__(self) -> None:
        self._left = _MOST_NODES

    def children(self, node: Any, depth: int) -> list[Node]:
        made: list[Node] = []
        for child in node.children:
            made += self._node(child, depth + 1)
        return made

    def _node(self, node: Any, depth: int) -> list[Node]:
        self._left -= 1
        if self._left < 0:
            raise _TooLargeError
        kind = node.__class__.__name__
        if kind == "Text":
            return [{"t": "text", "text": node.astext()}]
        if kind in _NOTHING:
            return []
        if depth > _DEEPEST:
            return [{"t": "text", "text": node.astext()}]
        if kind in _PLAIN:
            return [{"t": _PLAIN[kind], "c": self.children(node, depth)}]
        if kind in _AS_IT_IS:
            return [_pre(node.astext())]
        if kind in _QUOTED:
            return [{"t": "quote", "c": self.children(node, depth)}]
        special = _SPECIAL.get(kind)
        return self.children(node, depth) if special is None else special(self, node, depth)

    def _reference(self, node: Any, depth: int) -> list[Node]:
        inside = self.children(node, depth)
        address = node.get("refuri")
        if isinstance(address, str) and _LINK.fullmatch(address):
            return [{"t": "a", "href": address, "c": inside}]
        return inside

    def _problematic(self, node: Any, depth: int) -> list[Node]:
        """Show a role that only Sphinx knows by what it names."""
        text = node.astext()
        role = _ROLE.fullmatch(text)
        if role is None:
            return [{"t": "text", "text": text}]
        title = role[1].partition("<")[0].strip() or role[1]
        return [{"t": "code", "c": [{"t": "text", "text": title.lstrip("~!")}]}]

    def _table(self, node: Any, depth: int) -> list[Node]:
        rows = _found(node, "row")
        lines = [" | ".join(cell.astext().replace("\n", " ") for cell in row.children) for row in rows]
        return [_pre("\n".join(lines))]


def _found(node: Any, kind: str) -> Iterable[Any]:
    return [one for one in node.findall() if one.__class__.__name__ == kind]


_SPECIAL: dict[str, Callable[[_Converter, Any, int], list[Node]]] = {
    "reference": _Converter._reference,
    "problematic": _Converter._problematic,
    "table": _Converter._table,
}
