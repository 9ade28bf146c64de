"""The reference sounds that ship with `tiny`: kinds, their clips with licences, and drawn courses of motion.

    bank.safetensors => ReferenceBank: kinds["rain"] -> clips [samples] at 16 kHz, courses [g, q]

A selection of the Foley bank, made by `python -m tiny.reference`; clips are decoded when first asked for.
Knows one bundled file; nothing of prompts, networks or videos.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from soundvcm.config import nearest
from soundvcm.errors import OptionError, WeightsError
from soundvcm.weights import load

Wave = NDArray[np.float32]
BANK_RATE = 16_000
COURSE_SCALE = 63.0  # courses are kept as int8 of 63 x their value


@dataclass(frozen=True)
class Kind:
    """A kind of sound.

    Attributes:
        name: such as "dog_bark".
        lasting: sounds go on (rain) where others are hits one by one (a knock).
        phrases: how people write it.
        labels: what an image classifier names that makes it.
    """

    name: str
    lasting: bool
    phrases: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def title(self) -> str:
        """The name in words."""
        return self.name.replace("_", " ")


@dataclass(frozen=True)
class ReferenceClip:
    """One recording, sample or synthesis, with what its licence asks to be named.

    Attributes:
        id: of the clip in the bank.
        kind: name of its kind.
        source: the recording or instrument it is cut from.
        origin: "recording", "soundfont" or "synthesis".
        licence, author, link: of the source.
        wave: [samples] float32 at `BANK_RATE`; events begin within 15 ms.
    """

    id: str
    kind: str
    source: str
    origin: str
    licence: str
    author: str
    link: str
    wave: Wave = field(repr=False, compare=False)

    @property
    def credit(self) -> str:
        """One line for summaries and metadata: what, by whom, under which licence."""
        return f"{self.id} ({self.source}, {self.author}, {self.licence})"


class ReferenceBank:
    """The kinds and clips of one file; get it from `bundled_bank`."""

    def __init__(self, weights: str = "reference_bank") -> None:
        """Read the tables; sounds are decoded when asked for.

        Raises:
            WeightsError: if the file is missing, damaged or of another kind.
        """
        tensors, _ = load(weights)
        try:
            rows = json.loads(_text(tensors["kinds"]))
            self.kinds = {
                name: Kind(name, row["lasting"], tuple(row["phrases"]), tuple(row["labels"]))
                for name, row in rows.items()
            }
            self._rows: dict[str, list[dict[str, str]]] = {name: [] for name in self.kinds}
            for row in csv.DictReader(io.StringIO(_text(tensors["clips"]))):
                self._rows[row["kind"]].append(row)
            self._sounds = {name: bytes(tensors[f"sound.{name}"].numpy()) for name in self.kinds}
            self._courses = {name: tensors[f"courses.{name}"] for name in self.kinds}
        except (KeyError, ValueError) as error:
            raise WeightsError(f"{weights} is not a reference bank ({error}): reinstall soundvcm") from None
        self._clips: dict[str, tuple[ReferenceClip, ...]] = {}

    def kind(self, name: str) -> Kind:
        """The kind of that name, written with spaces or underscores.

        Raises:
            OptionError: if there is none, with the nearest one.
        """
        key = name.strip().lower().replace(" ", "_")
        if key not in self.kinds:
            raise OptionError(
                f"no kind {name!r}{nearest(key, self.kinds)}; there are {', '.join(self.kinds)}"
            )
        return self.kinds[key]

    def clips(self, kind: str) -> tuple[ReferenceClip, ...]:
        """The clips of a kind, recordings first."""
        if kind not in self._clips:
            whole, _ = soundfile.read(io.BytesIO(self._sounds[kind]), dtype="float32")
            self._clips[kind] = tuple(_cut(row, whole) for row in self._rows[kind])
        return self._clips[kind]

    def courses(self, kind: str) -> Tensor:
        """[k, g, q] float32 motion features of drawn scenes of this kind, 25 rows a second."""
        return self._courses[kind].float() / COURSE_SCALE


@lru_cache(maxsize=1)
def bundled_bank() -> ReferenceBank:
    """The bank that ships, read once per process."""
    return ReferenceBank()


def _text(tensor: Tensor) -> str:
    return bytes(tensor.to(torch.uint8).numpy()).decode("utf-8")


def _cut(row: dict[str, str], whole: Wave) -> ReferenceClip:
    wave = whole[int(row["offset"]) :][: int(row["samples"])]
    facts = (row[name] for name in ("id", "kind", "source", "origin", "licence", "author", "link"))
    return ReferenceClip(*facts, wave)  # type: ignore[call-arg, arg-type]
