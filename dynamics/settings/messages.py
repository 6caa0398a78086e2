"""Messages to a user, each in one line: the error that carries them, and what they quote."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any


class OptionError(ValueError):
    """A value that an option does not take; the message names the option, the value and what is allowed."""


def flag(name: str) -> str:
    """The option's name on the command line: d_steps -> --d-steps."""
    return "--" + name.replace("_", "-")


def near(word: Any, allowed: Iterable[str]) -> str:
    """' (did you mean …?)' where a word is near, else nothing."""
    match = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.6) if isinstance(word, str) else []
    return f" (did you mean {match[0]}?)" if match else ""


def not_one_of(what: str, value: str, allowed: Sequence[str]) -> str:
    return f"{what} {shown(value)}: must be one of {', '.join(allowed)}{near(value, allowed)}"


def cut(text: str, most: int = 100) -> str:
    """The text, or where it is longer its two ends."""
    head = most * 2 // 3
    return text if len(text) <= most else f"{text[:head]}...{text[head + 3 - most :]}"


def one_line(text: str) -> str:
    """The text without what cannot be printed: space for space, and an escape for all else."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(text.split()))


def shown(text: str, most: int = 100) -> str:
    """What a user wrote as a part of one line, of long text the two ends."""
    return cut(one_line(cut(text, 10 * most)) if text.strip() else ascii(text), most)


class _Quoted(reprlib.Repr):
    """Values as Python writes them, up to a length and a depth."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxlist, self.maxdict = 3, 6, 4
        self.maxstring = self.maxother = 100

    def repr_int(self, x: int, level: int) -> str:
        return cut(repr(x) if x.bit_length() < 2000 else hex(x))  # Python refuses to write out more digits than some


quoted: Callable[[Any], str] = _Quoted().repr


def flagged(called: str, value: Any) -> str:
    """A value as it stands after its flag."""
    return f"{called} {shown(value) if isinstance(value, str) else quoted(value)}"
