"""The Foley bank on disk => labelled clips of sound, and the variations that make many out of few.

A bank is a folder with `kinds.json`, `clips.csv` and one Ogg Opus file per kind (its README says how it is
built). Waves are decoded when first asked for, at the rate that is asked for. Knows nothing of scenes, videos
or training; randomness comes from the Generator that is given.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundvcm.errors import OptionError, StoreError
from soundvcm.media.audio.wave import resample
from tiny.sounds.variation import onset_seconds, vary

__all__ = [
    "BANK",
    "BANK_RATE",
    "FILE_RATE",
    "MODES",
    "SPLITS",
    "Bank",
    "Clip",
    "Kind",
    "load_bank",
    "onset_seconds",
    "vary",
]

BANK = Path(__file__).resolve().parent.parent / "bank"
FILE_RATE = 48_000  # of the files, and of the offsets in clips.csv
BANK_RATE = 16_000  # at which the bank is read where no other rate is asked for
SPLITS = ("train", "valid", "test")
MODES = ("event", "ambience")

_FETCH = (
    "the bank is the folder `tiny/bank` of the project's repository; restore it from there "
    "(git checkout -- tiny/bank) or build it: python tiny/build_bank/build.py --out tiny/bank"
)
_TEXT_COLUMNS = ("id", "kind", "split", "mode", "source", "origin", "licence", "author", "link")
_COLUMNS = (*_TEXT_COLUMNS, "file", "offset", "samples")


@dataclass(frozen=True)
class Kind:
    """A kind of sound: `mode` is event, ambience or both.

    `phrases` name it in words, `labels` are ImageNet names of what makes it, `heard` are YAMNet (AudioSet)
    classes that are a plausible hearing of it, the best first.
    """

    name: str
    mode: str
    phrases: tuple[str, ...]
    labels: tuple[str, ...]
    heard: tuple[str, ...] = ()


@dataclass
class _SoundFile:
    """One packed file, decoded when first needed, at `sample_rate`."""

    path: Path
    sample_rate: int
    _wave: NDArray[np.float32] | None = None

    def wave(self) -> NDArray[np.float32]:
        if self._wave is None:
            try:
                wave, rate = soundfile.read(self.path, dtype="float32")
            except (soundfile.LibsndfileError, OSError) as error:
                raise StoreError(f"{self.path}: cannot be decoded ({error}); {_FETCH}") from error
            if rate != FILE_RATE or wave.ndim != 1 or not np.isfinite(wave).all():
                raise StoreError(f"{self.path}: not a finite mono wave at {FILE_RATE} Hz; {_FETCH}")
            wave = resample(wave[None], FILE_RATE, self.sample_rate)[0]
            wave.setflags(write=False)
            self._wave = wave
        return self._wave


@dataclass(frozen=True)
class Clip:
    """One clip: an event (one hit, peak about 0.7, onset within 15 ms) or an ambience (4.5 to 6 s, RMS
    about 0.1).

    `source` is the recording, sample or synthetic body it comes from: no source is in two splits. `samples`
    are those of `wave`, at `sample_rate`.
    """

    id: str
    kind: str
    split: str
    mode: str
    source: str
    origin: str
    licence: str
    author: str
    link: str
    samples: int
    sample_rate: int
    _offset: int = field(repr=False)
    _file: _SoundFile = field(repr=False, compare=False)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / self.sample_rate

    @property
    def wave(self) -> NDArray[np.float32]:
        """Read-only float32 [samples]. Raises StoreError when the file is missing, broken or too short."""
        whole = self._file.wave()
        if self._offset + self.samples > len(whole):
            raise StoreError(f"{self._file.path}: ends before clip {self.id}; {_FETCH}")
        return whole[self._offset : self._offset + self.samples]


class Bank:
    """Kinds and clips of one folder, at `sample_rate`; get it from `load_bank`."""

    def __init__(
        self, root: Path, kinds: dict[str, Kind], clips: tuple[Clip, ...], sample_rate: int = BANK_RATE
    ) -> None:
        self.root = root
        self.sample_rate = sample_rate
        self.kinds = kinds
        self.all_clips = clips
        self._groups: dict[tuple[str, str], list[Clip]] = {}
        for clip in clips:
            self._groups.setdefault((clip.kind, clip.split), []).append(clip)

    def clips(self, kind: str, split: str, mode: str | None = None) -> list[Clip]:
        """Clips of a kind in a split, in the order of clips.csv; `mode` keeps events or ambiences only.

        Raises OptionError for a kind, split or mode that does not exist.
        """
        asked = {"kind": (kind, self.kinds), "split": (split, SPLITS), "mode": (mode or MODES[0], MODES)}
        for what, (value, known) in asked.items():
            if value not in known:
                raise OptionError(f"no {what} {value!r} in the bank; choose one of: {', '.join(known)}")
        found = self._groups.get((kind, split), [])
        return [clip for clip in found if mode is None or clip.mode == mode]

    def preload(self) -> None:
        """Decodes every file now (about 10 s on one core), so that later reads are only slices."""
        for clip in self.all_clips:
            clip.wave  # noqa: B018 - the read fills the cache


def _kinds(path: Path) -> dict[str, Kind]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        kinds = {
            name: Kind(name, row["mode"], *(tuple(row[key]) for key in ("phrases", "labels", "heard")))
            for name, row in table.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path}: cannot be read ({type(error).__name__}: {error}); {_FETCH}") from error
    for kind in kinds.values():
        if kind.mode not in (*MODES, "both") or not kind.phrases:
            raise StoreError(f"{path}: kind {kind.name} needs a mode and phrases; {_FETCH}")
    return kinds


def _clips(root: Path, kinds: dict[str, Kind], sample_rate: int) -> tuple[Clip, ...]:
    path = root / "clips.csv"
    files: dict[str, _SoundFile] = {}
    clips = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise StoreError(f"{path}: cannot be read ({error}); {_FETCH}") from error
    if not rows or not set(_COLUMNS) <= set(rows[0]):
        raise StoreError(f"{path}: needs rows with the columns {', '.join(_COLUMNS)}; {_FETCH}")
    for number, row in enumerate(rows, 2):
        if row["kind"] not in kinds or row["split"] not in SPLITS or row["mode"] not in MODES:
            raise StoreError(f"{path}, line {number}: unknown kind, split or mode; {_FETCH}")
        name = row["file"]
        if name not in files:
            if Path(name).name != name or not (root / name).is_file():
                raise StoreError(f"{root / name}: this file of the bank is missing; {_FETCH}")
            files[name] = _SoundFile(root / name, sample_rate)
        try:
            offset, samples = int(row["offset"]), int(row["samples"])
        except (TypeError, ValueError) as error:
            raise StoreError(
                f"{path}, line {number}: offset or samples is no whole number; {_FETCH}"
            ) from error
        if offset < 0 or samples <= 0:
            raise StoreError(f"{path}, line {number}: offset and samples must be positive; {_FETCH}")
        text = {key: row[key] for key in _TEXT_COLUMNS}
        at, length = round(offset * sample_rate / FILE_RATE), samples * sample_rate // FILE_RATE
        clips.append(Clip(**text, samples=length, sample_rate=sample_rate, _offset=at, _file=files[name]))
    return tuple(clips)


def load_bank(root: Path = BANK, sample_rate: int = BANK_RATE) -> Bank:
    """The bank in folder `root`, by default the one of this checkout, with waves at `sample_rate`.

    Reads two small tables; sounds are decoded and resampled when asked for.

    Raises StoreError when the folder or one of its files is missing or broken, saying how to get it.
    """
    root = Path(root)
    if not root.is_dir():
        raise StoreError(f"{root}: no such folder; {_FETCH}")
    kinds = _kinds(root / "kinds.json")
    return Bank(root, kinds, _clips(root, kinds, sample_rate), sample_rate)
