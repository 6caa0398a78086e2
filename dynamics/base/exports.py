"""Names that a package hands out at its door, each imported when it is first asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_exports(
    package: str, homes: Mapping[str, str]
) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """`__all__`, `__getattr__` and `__dir__` of a package that hands out names of its modules.

    `homes` has the module, within the package, of each name. A package says the same imports to type checkers, under
    ``if TYPE_CHECKING``; tests/base/test_door.py holds the two together.
    """

    def getattribute(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)  # and is not asked for here again
        return value

    def directory() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return list(homes), getattribute, directory
