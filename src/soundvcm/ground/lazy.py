"""Front doors whose names are loaded when first used, and written once.

A folder's `__init__.py` lists its names as imports under `if TYPE_CHECKING:`, which type checkers read, and
ends with `__getattr__, __dir__ = front_door(__name__, __file__)`, which reads the same lines when a name is
asked for. Knows Python's import machinery only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

_LINE = re.compile(r"^    from ([\w.]+) import (\w+) as (\w+)(?:  #.*)?$", re.MULTILINE)


def front_door(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package (PEP 562), from the imports in its `if TYPE_CHECKING:`.

    Each stands on a line of its own, `from module import name as name`.
    """

    @cache
    def homes() -> dict[str, tuple[str, str]]:
        # Lines, not a syntax tree: Python 3.11's `ast` must not be entered by two threads at once.
        block = Path(file).read_text(encoding="utf-8").partition("\nif TYPE_CHECKING:\n")[2]
        return {alias: (module, name) for module, name, alias in _LINE.findall(block)}

    def find(name: str) -> Any:
        if name.startswith("__") or name not in homes():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, inner = homes()[name]
        return getattr(import_module(module), inner)

    def names() -> list[str]:
        return sorted(homes())

    return find, names
