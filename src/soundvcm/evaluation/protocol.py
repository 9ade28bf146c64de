"""The evaluation of a folder of predictions against a folder of true sounds: pair, prepare, extract, score.

The protocol of av-benchmark (design A12): mono, mean removed, cut to the stated seconds, paired by name, the
order of sorted stems. Every number carries its counts, and the run its versions, seeds and command.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import Tensor

from soundvcm import __version__
from soundvcm.errors import InputError, OptionError
from soundvcm.evaluation.definitions import Definition, find
from soundvcm.evaluation.metrics import PROTOCOL_SEED, SPLITS
from soundvcm.evaluation.preparing import Length, Pairing, pair, sounds_in
from soundvcm.evaluation.reading import FeatureCache, FeatureReader, Progress, Work
from soundvcm.evaluation.scores import Score, compute


@dataclass(frozen=True)
class Settings:
    """How folders are compared.

    Attributes:
        length: seconds that are compared, and what becomes of shorter files.
        resamples: bootstrap draws of the 95 % intervals; 0 for none.
        seed: of these draws.
        common: only names that both folders have, also for scores of sets: a test split of many clips.

    Raises:
        OptionError: for resamples or a seed out of range.
    """

    length: Length = field(default_factory=Length)
    resamples: int = 200
    seed: int = 0
    common: bool = False

    def __post_init__(self) -> None:
        if not (self.resamples == 0 or 20 <= self.resamples <= 100_000):
            raise OptionError(f"--resamples {self.resamples} is out of range: give 0 (none) or 20 .. 100000")
        if self.seed < 0:
            raise OptionError(f"--seed {self.seed}: give 0 or more")


@dataclass(frozen=True)
class Evaluation:
    """What came of it.

    Attributes:
        scores: in the order asked for.
        pairing: names on both sides, missing and extra ones.
        truth, made: name -> file.
        padded: names of (true, predicted) sounds that were shorter and filled with silence.
        settings: of the run.
        extractors: one line about each that was used.
        versions: of what decides the numbers.
        command: that repeats the run.
        date: UTC, ISO 8601.
        speeds: extractor => files that were computed (not kept), seconds that took.
    """

    scores: tuple[Score, ...]
    pairing: Pairing
    truth: dict[str, Path]
    made: dict[str, Path]
    padded: tuple[tuple[str, ...], tuple[str, ...]]
    settings: Settings
    extractors: tuple[str, ...]
    versions: dict[str, str]
    command: str
    date: str
    speeds: dict[str, tuple[int, float]] = field(default_factory=dict)

    def ranking(self) -> tuple[str, list[str]]:
        """(score that ranks, names best first): the first score of pairs that says what is better."""
        ranked = [one for one in self.scores if one.per_item and one.better != "near 0"]
        if not ranked:
            return "", []
        score = ranked[0]
        sign = 1 if score.better == "lower" else -1
        return score.name, sorted(score.per_item, key=lambda name: (sign * score.per_item[name], name))

    def as_dict(self) -> dict[str, Any]:
        """All of it in plain values, for JSON."""
        return {
            "scores": [asdict(one) for one in self.scores],
            "pairs": len(self.pairing.common),
            "truth_files": len(self.truth),
            "predicted_files": len(self.made),
            "missing": self.pairing.missing,
            "extra": self.pairing.extra,
            "padded": {"truth": self.padded[0], "predicted": self.padded[1]},
            "seconds": self.settings.length.seconds,
            "short": self.settings.length.short,
            "seeds": {"bootstrap": self.settings.seed, "inception_permutation": PROTOCOL_SEED},
            "inception_splits": SPLITS,
            "extractors": self.extractors,
            "versions": self.versions,
            "command": self.command,
            "date": self.date,
        }


def evaluate(
    truth: Path,
    made: Path,
    names: Sequence[str] = (),
    settings: Settings | None = None,
    *,
    cache: FeatureCache | None = None,
    command: str = "",
    progress: Progress = lambda phase, share: None,
    work: Work | None = None,
) -> Evaluation:
    """Score the sounds of folder `made` against those of folder `truth` (sounds, or videos with sound).

    Args:
        truth: folder of true sounds.
        made: folder of predictions, paired by file name without suffix.
        names: scores or extractors; the default ones if empty, of which those that cannot be computed are
            listed with the reason.
        settings: length, intervals, seed.
        cache: keep features there; None for no cache.
        command: kept in the result.
        progress: called with the phase and the share done.
        work: device, batches and threads.

    Raises:
        InputError: for folders or files that cannot be used, or a score asked for by name that cannot be
            computed.
        OptionError: for a score that is not known.
        MissingExtraError: for a score whose package is not installed.
    """
    from soundvcm.evaluation.extractors import require  # the command line classifies without it

    settings, work = settings or Settings(), work or Work()
    wanted = find(names)
    extractors = {one.extractor: require(one.extractor, one.name) for one in wanted}
    files = (sounds_in(truth), sounds_in(made))
    pairing = pair(*files)
    if settings.common:
        files = tuple({name: side[name] for name in pairing.common} for side in files)  # type: ignore[assignment]
    if not pairing.common and any(not one.uses_all for one in wanted):
        raise InputError(
            f"no file of {made} has the name of one of {truth} (such as {next(iter(files[1]))!r} and"
            f" {next(iter(files[0]))!r}): name predictions as the true sounds, or ask for FD and IS only"
        )
    scores: dict[str, Score] = {}
    padded: tuple[set[str], set[str]] = (set(), set())
    speeds: dict[str, tuple[int, float]] = {}
    for name, extractor in extractors.items():
        asked = [one for one in wanted if one.extractor == name]
        sides = []
        for side, found in enumerate(files):
            kept = found if any(one.uses_all for one in asked) else {k: found[k] for k in pairing.common}
            reader = FeatureReader(extractor, settings.length, cache, work)
            sides.append(reader.all(kept, progress))
            padded[side].update(reader.short)
            count, seconds = speeds.get(name, (0, 0.0))
            speeds[name] = count + reader.computed, seconds + reader.seconds
        for one in asked:
            scores[one.name] = _score(one, sides[0], sides[1], settings, strict=bool(names))
    return Evaluation(
        tuple(scores[one.name] for one in wanted),
        pairing,
        *files,
        (tuple(sorted(padded[0])), tuple(sorted(padded[1]))),
        settings,
        tuple(one.about for one in extractors.values()),
        versions(),
        command,
        datetime.now(UTC).isoformat(timespec="seconds"),
        speeds,
    )


def versions() -> dict[str, str]:
    """Versions of what decides the numbers."""
    named = {name: version(name) for name in ("torch", "numpy", "soxr", "av")}
    return {"soundvcm": __version__, "python": platform.python_version(), **named}


def _score(
    definition: Definition,
    truth: dict[str, dict[str, Tensor]],
    made: dict[str, dict[str, Tensor]],
    settings: Settings,
    *,
    strict: bool,
) -> Score:
    try:
        return compute(definition, truth, made, resamples=settings.resamples, seed=settings.seed)
    except InputError as error:
        if strict:
            raise
        reason = str(error).removeprefix(f"{definition.name}: ")
        return Score(definition.name, definition.unit, definition.better, None, notes=(reason,))
