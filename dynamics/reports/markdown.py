"""Any text as Markdown that shows it: what report.md is made of."""

from __future__ import annotations

import re
from typing import Any


class Markdown(str):
    """Text that is Markdown already: put into a template as it is."""


def escaped(value: Any) -> Markdown:
    """Any text as Markdown that shows it, on one line: no markup, HTML, link or table border comes of it."""
    if isinstance(value, Markdown):
        return value
    text = " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*|~$])", r"\\\1", text)
    text = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)  # inside a word it is none
    text = re.sub(r"\](?=[(\[])", r"\\]", text)  # a link, and only then: [0.1, 0.2] is an interval
    # what means something at a line's start: a heading, a link's definition, a list
    text = re.sub(r"^(?=#|\[[^]]*\]:|[-+](\s|$))", r"\\", text)
    return Markdown(re.sub(r"^(\d+)(?=[.)](\s|$))", r"\1\\", text))


def fenced(text: str) -> Markdown:
    """Text in a code block that it cannot close."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markdown(f"{fence}\n{text}\n{fence}")
