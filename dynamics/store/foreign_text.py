"""Names and messages from outside: whether they stay inside a folder, and how they are shown in a line."""

from __future__ import annotations


def is_inside(name: str) -> bool:
    """Whether a relative name, with forward slashes, stays within its folder on every system, as far as words go."""
    return not any(c in name for c in "\0\\:") and all(part not in ("", ".", "..") for part in name.split("/"))


def printable(text: str) -> str:
    """A foreign text as part of a line."""
    text = text if len(text) <= 100 else text[:97] + "..."
    return text if text and text.isprintable() else ascii(text)


def reason(error: Exception) -> str:
    """What an exception says, as part of a line."""
    words = " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words[:200])
