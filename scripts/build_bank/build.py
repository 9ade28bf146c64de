"""Builds the Foley bank: fetches packages, renders soundfonts, synthesises, cuts, splits and packs. Run it
again at will:

    python scripts/build_bank/build.py --work build/bank --out bank

Needs `fluidsynth`, `apt-get` and `dpkg` (Debian), pip, and the Python packages numpy, scipy, soundfile,
soxr. Deterministic.
"""

from __future__ import annotations

import argparse
import csv
import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path

import cutting
import numpy as np
import soundfile
from fetch import FONTS, fetch, sonic_pi_credits
from notes import TABLE
from pack import Packed, write_bank
from soundfont import SoundFont, render
from split import assign
from synth_ambiences import AMBIENCES
from synth_events import EVENTS

HERE = Path(__file__).resolve().parent
ALLOWED = ("CC0", "CC-BY-3.0", "CC-BY-4.0")

# kind -> generator and number of draws
DRAWS: dict[str, tuple[str, int]] = {
    "wood_knock": ("wood_knock", 20), "metal_clang": ("metal_clang", 20), "hammer": ("hammer", 26), "glass_clink": ("glass_clink", 28),
    "glass_break": ("glass_break", 28), "stone_hit": ("stone_hit", 28), "ball_bounce": ("ball_bounce", 36),
    "door_slam": ("door_slam", 24), "door_creak": ("door_creak", 24), "footstep": ("footstep", 28), "hand_clap": ("hand_clap", 32),
    "typing": ("key_press", 32), "clock_tick": ("clock_tick", 32), "gunshot": ("gunshot", 24), "explosion": ("explosion", 20),
    "punch": ("punch", 24), "splash": ("splash", 24), "water_drop": ("water_drop", 32), "bell": ("bell", 16), "coin": ("coin", 30),
    "whoosh": ("whoosh", 26), "dog_bark": ("dog_bark", 20), "cat_meow": ("cat_meow", 24), "horse_hooves": ("hoof", 20),
    "car_horn": ("car_horn", 30), "telephone": ("telephone_ring", 22), "whistle": ("whistle", 22), "bird_song": ("bird_chirp", 16),
}  # fmt: skip
LASTING_DRAWS: dict[str, tuple[str, int]] = {
    "rain": ("rain", 12), "wind": ("wind", 14), "stream": ("stream", 14), "sea_waves": ("sea_waves", 16), "fire_crackle": ("fire", 15),
    "bubbles": ("bubbles", 13), "car_engine": ("car_engine", 15), "train": ("train", 14), "airplane": ("jet", 14),
    "helicopter": ("helicopter", 16), "siren": ("siren", 16), "motor": ("machine", 16), "applause": ("applause", 15),
    "thunder": ("thunder", 8), "rolling": ("rolling", 18), "bird_song": ("birds", 8),
}  # fmt: skip


def pieces(wave: np.ndarray, cut: str) -> list[tuple[str, np.ndarray]]:
    """One raw wave => (mode, finished wave) of each clip in it; `cut` is hit, hits or lasting."""
    if cut == "lasting":
        return [("ambience", piece) for piece in cutting.lasting(wave)]
    raw = cutting.hits(wave) if cut == "hits" else [wave]
    return [("event", done) for done in (cutting.event(part) for part in raw[:12]) if done is not None]


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
                fields = {k: row[k] for k in names}
                yield Packed(row["kind"], mode, done, "recording", original=row["path"], **fields)


def rendered(work: Path) -> Iterator[Packed]:
    """The clips of the soundfont table; the source of each is the sample (and preset) it is made from."""
    fonts = {name: SoundFont(work / path) for name, path in FONTS.items()}
    for entry in TABLE:
        font = fonts[entry.font]
        notes = [n for n in entry.notes() if font.samples(n.bank, n.program, n.key, n.velocity)]
        spacing = entry.held_seconds + 1.4
        for note, wave in zip(notes, render(font.path, notes, spacing), strict=True):
            samples = "+".join(font.samples(note.bank, note.program, note.key, note.velocity))
            preset = font.presets[note.bank, note.program]
            for mode, done in pieces(cutting.to_bank_rate(wave, 48000), entry.cut):
                yield Packed(
                    entry.kind, mode, done, "soundfont",
                    package=f"fluid-soundfont-{entry.font}", source=f"fluidr3-{entry.font}:{samples}", licence="MIT",
                    author="Frank Wen and contributors", link="http://www.musescore.org/download/fluid-soundfont.tar.gz",
                    original=f"{preset} ({note.bank}:{note.program}) key {note.key} velocity {note.velocity}",
                )  # fmt: skip


def synthesised() -> Iterator[Packed]:
    """The draws of DRAWS and LASTING_DRAWS; the seed is a hash of the generator's name and the number of
    the draw.
    """
    for table, functions, cut in ((DRAWS, EVENTS, "hit"), (LASTING_DRAWS, AMBIENCES, "lasting")):
        for kind, (name, number) in table.items():
            for draw in range(number):
                wave = functions[name](np.random.default_rng([zlib.crc32(name.encode()), draw]))
                for mode, done in pieces(np.asarray(wave, dtype=np.float64), cut)[:1]:
                    yield Packed(
                        kind, mode, done, "synthesis", package="soundvcm", source=f"synthesis:{name}:{draw}", licence="own",
                        author="the SoundVCM authors", link="", original=f"{name} draw {draw}",
                    )  # fmt: skip


def without_repeats(clips: list[Packed]) -> list[Packed]:
    """Leaves out clips whose wave is the same as an earlier one (kits of a soundfont share samples)."""
    seen: set[bytes] = set()
    kept = []
    for clip in clips:
        key = np.round(clip.wave[:4000] * 200).astype(np.int16).tobytes()
        if key not in seen:
            seen.add(key)
            kept.append(clip)
    return kept


def main() -> None:
    """Reads the two folders from the command line and builds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--work", type=Path, default=Path("build/bank"), help="where packages are fetched and opened"
    )
    parser.add_argument("--out", type=Path, default=Path("bank"), help="the bank's folder")
    options = parser.parse_args()
    fetch(options.work)
    kinds = tomllib.loads((HERE / "kinds.toml").read_text(encoding="utf-8"))
    clips = without_repeats([*recordings(options.work), *rendered(options.work), *synthesised()])
    splits = assign((c.kind, c.origin, c.source) for c in clips)
    for clip in clips:
        clip.split = splits[clip.source]
    write_bank(options.out, clips, kinds)
    size = sum(f.stat().st_size for f in options.out.iterdir()) / 1e6
    print(
        f"{len(clips)} clips of {len(kinds)} kinds, {sum(len(c.wave) for c in clips) / 16000:.0f} s, {size:.1f} MB in {options.out}"
    )


if __name__ == "__main__":
    main()
