"""The reference sounds that ship with `tiny`: kinds, their clips with licences, and drawn courses of motion.

    bank.safetensors => ReferenceBank: kinds["rain"] -> clips [samples] at 16 kHz, courses [g, q]
    KindIndex: "a dog barks, rain" => [dog_bark .91, rain .95];  picture features [f, p] => [dog_bark .8]

A selection of the Foley bank, made by `python -m tiny.reference`; clips are decoded when first asked for.
Which kind a text or a picture means is the nearest of what people write, as a text encoder sees it. Knows one
bundled file and a function that embeds texts; nothing of networks or videos.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from soundvcm.errors import OptionError, WeightsError, nearest
from soundvcm.weights import load

Wave = NDArray[np.float32]
BANK_RATE = 16_000
COURSE_SCALE = 63.0  # courses are kept as int8 of 63 x their value
#: from this cosine on a text or a picture is taken to mean a kind; below, only the nearest can be named
SURE = 0.55
APART = re.compile(r"\s*(?:[,;.]|\band\b|\bwith\b|\bwhile\b|\bthen\b|\bplus\b)\s*", re.IGNORECASE)


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


@dataclass(frozen=True)
class Match:
    """A kind and how near it is.

    Attributes:
        kind: the kind.
        similarity: cosine of the nearest phrase or label, -1 .. 1.
    """

    kind: Kind
    similarity: float

    @property
    def sure(self) -> bool:
        """Whether it is near enough to be taken for what was meant."""
        return self.similarity >= SURE


class KindIndex:
    """Finds kinds.

    Args:
        bank: whose kinds.
        embed: texts => [b, 1, r] vectors of length 1, as the text encoder of `tiny` gives them.
    """

    def __init__(self, bank: ReferenceBank, embed: Callable[[Sequence[str]], Tensor]) -> None:
        self.bank, self.embed = bank, embed
        self._names = list(bank.kinds)
        self._phrases = [_table(embed, (kind.title, *kind.phrases)) for kind in bank.kinds.values()]
        self._labels = [_table(embed, kind.labels or (kind.title,)) for kind in bank.kinds.values()]

    def of_text(self, text: str, most: int = 2) -> list[Match]:
        """The kinds a prompt names, best first: one for the whole, more where its clauses name others surely.

        A blank text names none; any other at least the nearest one, sure or not.
        """
        clauses = [part for part in APART.split(text) if part.strip()]
        if not clauses:
            return []
        found = [self._nearest(part, self._phrases) for part in dict.fromkeys([text.strip(), *clauses])]
        best = max(found, key=lambda match: match.similarity)
        others = {match.kind.name: match for match in found[1:] if match.sure}
        others.pop(best.kind.name, None)
        return [best, *sorted(others.values(), key=lambda match: -match.similarity)][:most]

    def of_pictures(self, semantic: Tensor) -> Match:
        """The kind that features [f, p] of a clip's pictures mean, taken together."""
        return self._of_vector(semantic.float().mean(0), self._labels)

    def _nearest(self, text: str, tables: list[Tensor]) -> Match:
        return self._of_vector(self.embed([text])[0, 0], tables)

    def _of_vector(self, vector: Tensor, tables: list[Tensor]) -> Match:
        direction = F.normalize(vector.cpu(), dim=0)
        near = torch.stack([(table @ direction).max() for table in tables])
        best = int(near.argmax())
        return Match(self.bank.kinds[self._names[best]], float(near[best]))


def _table(embed: Callable[[Sequence[str]], Tensor], texts: Sequence[str]) -> Tensor:
    return F.normalize(embed(list(texts))[:, 0].cpu(), dim=1)
