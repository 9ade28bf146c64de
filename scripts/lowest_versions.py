"""Print `name==version` for each lower bound in pyproject.toml: what `scripts/check --lowest` installs.

Usage: python scripts/lowest_versions.py [EXTRA ...]. Knows pyproject.toml only.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
BOUND = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)(\[[^]]*\])?>=(?P<version>[0-9.]+)")


def lowest(extras: list[str]) -> list[str]:
    """The pins of the run-time dependencies and of the named extras, one for each package.

    Raises:
        SystemExit: if a requirement has no lower bound, or there is no such extra.
    """
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    named = list(project["dependencies"])
    for extra in extras:
        if extra not in project["optional-dependencies"]:
            raise SystemExit(f"lowest_versions: no extra {extra!r} in pyproject.toml")
        named += project["optional-dependencies"][extra]
    pins: dict[str, str] = {}
    for requirement in named:
        found = BOUND.match(requirement)
        if found is None:
            raise SystemExit(f"lowest_versions: {requirement!r} has no lower bound")
        pins[found["name"]] = found["version"]
    return [f"{name}=={version}" for name, version in pins.items()]


if __name__ == "__main__":
    print("\n".join(lowest(sys.argv[1:])))
