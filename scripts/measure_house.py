"""How large the house is, and how far a clip walks through it: numbers for a closing note.

    python scripts/measure_house.py [CLIP]

Prints files, functions and classes of soundvcm that one `soundvcm generate CLIP` (default: the bundled ball)
runs (the bodies of modules and classes run when they are imported and are no functions), arrows between rooms
(a room is a folder or a top-level file; an arrow is one room importing another, anywhere in a file), public
names (functions and classes) per 1,000 lines, and lines of src.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "soundvcm"
FILES = sorted(SOURCE.rglob("*.py"))


def room(module: str) -> str:
    """The room of a dotted name below soundvcm: its folder, or the file where it lies at the top."""
    parts = module.split(".")[1:]
    while parts and not (SOURCE.joinpath(*parts) / "__init__.py").exists():
        if len(parts) == 1:
            return parts[0]
        parts = parts[:-1]
    return ".".join(parts)


def imported(path: Path) -> set[str]:
    """Dotted names below soundvcm that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("soundvcm.")}


def arrows() -> tuple[int, int]:
    """Rooms, and pairs of rooms of which one imports the other."""
    pairs, rooms = set(), set()
    for path in FILES:
        here = room("soundvcm." + ".".join(path.relative_to(SOURCE).with_suffix("").parts))
        rooms.add(here)
        there = {room(name) for name in imported(path)}
        pairs |= {(here, one) for one in there if one not in ("", "__version__", here)}
    return len(rooms - {""}), len({(a, b) for a, b in pairs if a})


def public_names() -> int:
    """Functions and classes at the top of files, without a leading underscore."""
    count = 0
    for path in FILES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                count += 1
    return count


def passed(clip: Path) -> dict[str, int]:
    """Files, functions and classes of soundvcm whose code runs in one `soundvcm generate`."""
    from soundvcm.cli.main import main as command

    seen: Counter[tuple[str, str]] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        name, is_function = frame.f_code.co_filename, frame.f_code.co_flags & inspect.CO_OPTIMIZED
        if (
            event == "call"
            and is_function
            and name.startswith(str(SOURCE))
            and "<" not in frame.f_code.co_name
        ):
            seen[name, frame.f_code.co_qualname] += 1

    with tempfile.TemporaryDirectory() as folder:
        threading.setprofile(note)
        sys.setprofile(note)
        try:
            command(["generate", str(clip), "--output", str(Path(folder) / "out.mp4"), "--seed", "7"])
        except SystemExit as leaving:
            if leaving.code:
                raise
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
    classes = {(file, name.split(".")[0]) for file, name in seen if "." in name and "<locals>" not in name}
    return {"files": len({file for file, _ in seen}), "functions": len(seen), "classes": len(classes)}


def main() -> None:
    """Print the numbers as one JSON object."""
    clip = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "examples" / "clips" / "bounce.mp4"
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in FILES)
    rooms, pairs = arrows()
    print(
        json.dumps(
            {
                "one clip passes": passed(clip),
                "rooms": rooms,
                "arrows": pairs,
                "public names per 1,000 lines": round(public_names() / lines * 1000, 1),
                "files": len(FILES),
                "lines": lines,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
