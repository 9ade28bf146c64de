"""Builds the Foley bank: fetches packages, renders soundfonts, synthesises, cuts, splits and packs. Run it
again at will:

    python tiny/build_bank/build.py --work build/bank --out tiny/bank

Needs `fluidsynth`, `apt-get` and `dpkg` (Debian), pip, and the Python packages numpy, scipy, soundfile,
soxr. Deterministic.
"""

from __future__ import annotations

import argparse
import csv
import tomllib
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cutting
import numpy as np
import soundfile
from fetch import FONTS, fetch, sonic_pi_credits
from notes import TABLE, Notes
from pack import Packed, write_bank
from soundfont import Note, SoundFont, render
from split import assign
from synth_calls import CALLS
from synth_engines import ENGINES
from synth_impacts import IMPACTS
from synth_nature import NATURE

HERE = Path(__file__).resolve().parent
RENDER_RATE = 48000
ALLOWED = ("CC0", "CC-BY-3.0", "CC-BY-4.0")


def pieces(wave: np.ndarray, cut: str, shortest: float = 0.03) -> list[tuple[str, np.ndarray]]:
    """One raw wave => (mode, finished wave) of each clip in it; `cut` is hit, hits or lasting.

    Hits of less than `shortest` seconds are left out.
    """
    if cut == "lasting":
        return [("ambience", piece) for piece in cutting.lasting(wave)]
    raw = cutting.hits(wave) if cut == "hits" else [wave]
    return [
        ("event", done) for done in (cutting.event(part, shortest) for part in raw[:12]) if done is not None
    ]


def recordings(work: Path) -> Iterator[Packed]:
    """The clips of recordings.csv."""
    sonic = sonic_pi_credits(work)
    with (HERE / "recordings.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["package"] == "sonic-pi-samples":
                row["author"], row["link"], row["licence"] = sonic[Path(row["path"]).name]
            if row["licence"] not in ALLOWED:
                raise ValueError(
                    f"{row['path']}: licence {row['licence']} is not one of {', '.join(ALLOWED)}"
                )
            wave, rate = soundfile.read(work / row["package"] / row["path"], dtype="float64")
            for mode, done in pieces(cutting.to_bank_rate(wave, rate), row["cut"]):
                names = ("package", "source", "licence", "author", "link")
                fields = {k: row[k] for k in names} | {"edition": int(row["edition"])}
                yield Packed(row["kind"], mode, done, "recording", original=row["path"], **fields)


def rendered(work: Path) -> Iterator[Packed]:
    """The clips of the soundfont table; the source of each is the recorded sample it is made from."""
    fonts = {name: SoundFont(work / path) for name, path in FONTS.items()}
    groups: dict[tuple[str, float], list[tuple[Notes, Note]]] = defaultdict(list)
    for entry in TABLE:
        font = fonts[entry.font]
        for note in entry.notes():
            if font.samples(note.bank, note.program, note.key, note.velocity):
                groups[entry.font, entry.held_seconds + 1.4].append((entry, note))
    for (name, spacing), asked in groups.items():
        font = fonts[name]
        waves = render(font.path, [note for _, note in asked], spacing, RENDER_RATE)
        for (entry, note), wave in zip(asked, waves, strict=True):
            samples = "+".join(font.samples(note.bank, note.program, note.key, note.velocity))
            preset = font.presets[note.bank, note.program]
            for mode, done in pieces(cutting.to_bank_rate(wave, RENDER_RATE), entry.cut):
                yield Packed(
                    entry.kind,
                    mode,
                    done,
                    "soundfont",
                    package=f"fluid-soundfont-{name}",
                    source=f"fluidr3-{name}:{samples}",
                    licence="MIT",
                    author="Frank Wen and contributors",
                    link="http://www.musescore.org/download/fluid-soundfont.tar.gz",
                    original=f"{preset} ({note.bank}:{note.program}) key {note.key} velocity {note.velocity}",
                )


def synthesised() -> Iterator[Packed]:
    """The draws of draws.toml; the seed is a hash of the generator's name and the number of the draw."""
    table = tomllib.loads((HERE / "draws.toml").read_text(encoding="utf-8"))
    for mode, functions, cut in (
        ("event", CALLS | IMPACTS, "hit"),
        ("ambience", ENGINES | NATURE, "lasting"),
    ):
        for kind, row in table[mode].items():
            name, draws = row["generator"], row["draws"]
            for draw in range(draws) if isinstance(draws, int) else draws:
                wave = functions[name](np.random.default_rng([zlib.crc32(name.encode()), draw]))
                for _, done in pieces(np.asarray(wave, dtype=np.float64), cut, shortest=0.01)[:1]:
                    yield Packed(
                        kind,
                        mode,
                        done,
                        "synthesis",
                        package="soundvcm",
                        source=f"synthesis:{name}:{draw}",
                        licence="own",
                        author="the SoundVCM authors",
                        link="",
                        original=f"{name} draw {draw}",
                    )


def without_repeats(clips: list[Packed]) -> list[Packed]:
    """Leaves out clips whose wave is the same as an earlier one (kits of a soundfont share samples)."""
    seen: set[bytes] = set()
    kept = []
    for clip in clips:
        key = np.round(clip.wave[:12000] * 200).astype(np.int16).tobytes()
        if key not in seen:
            seen.add(key)
            kept.append(clip)
    return kept


def main() -> None:
    """Reads the two folders from the command line and builds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("build/bank"), help="folder for the packages")
    parser.add_argument("--out", type=Path, default=Path("tiny/bank"), help="the bank's folder")
    options = parser.parse_args()
    fetch(options.work)
    kinds = tomllib.loads((HERE / "kinds.toml").read_text(encoding="utf-8"))
    clips = without_repeats([*recordings(options.work), *rendered(options.work), *synthesised()])
    splits: dict[str, str] = {}
    for edition in sorted({c.edition for c in clips}):
        assign(((c.kind, c.origin, c.source) for c in clips if c.edition == edition), splits)
    for clip in clips:
        clip.split = splits[clip.source]
    write_bank(options.out, clips, kinds)
    size = sum(f.stat().st_size for f in options.out.iterdir()) / 1e6
    seconds = sum(len(c.wave) for c in clips) / cutting.RATE
    print(f"{len(clips)} clips of {len(kinds)} kinds, {seconds:.0f} s, {size:.1f} MB in {options.out}")


if __name__ == "__main__":
    main()
