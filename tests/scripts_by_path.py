"""Scripts that no package holds (benchmarks, scripts, examples), loaded as modules for their tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent


def load_script(place: str, name: str | None = None) -> ModuleType:
    """The module of a file of the repository, registered under `name` (default: the file's).

    Its neighbours can be imported while it loads, as when it is run.
    """
    path = ROOT / place
    name = name or path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module
