"""The scores by name: which features each one needs, its unit, which items it uses, how it is computed.

The order and choice of items is av-benchmark's: distances and IS take all entries of a side, scores of pairs
only common ids in the order of the predictions. Knows features by name, not who extracted them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from soundvcm.errors import InputError, OptionError, nearest
from soundvcm.evaluation import metrics
from soundvcm.evaluation.metrics import curve_correlation, match_onsets

Features = Mapping[str, Tensor]


@dataclass(frozen=True)
class Found:
    """Outcome of a score of two sets.

    Attributes:
        value: the score.
        rows: feature rows of (truth, made).
        dimension: of a row.
        spread: over splits or subsets, where the score has them.
        notes: what must be said beside it.
    """

    value: float
    rows: tuple[int, int]
    dimension: int
    spread: float | None = None
    notes: tuple[str, ...] = ()


Each = Callable[[Features, Features], float]
Compare = Callable[[Sequence[Features], Sequence[Features]], Found]


@dataclass(frozen=True)
class Definition:
    """One score.

    Attributes:
        name: as printed.
        extractor: whose features it needs.
        unit: of the value.
        better: "lower", "higher" or "near 0".
        each: score of one pair (nan: the pair has none), its mean is the score; or
        compare: score of two sets.
        common_only: a score of sets that leaves out unpaired items.
        default: computed if nothing is asked for by name.
        resampled: has a bootstrap interval (KID has its spread over subsets instead, and may be negative).
    """

    name: str
    extractor: str
    unit: str
    better: str
    each: Each | None = None
    compare: Compare | None = None
    common_only: bool = False
    default: bool = False
    resampled: bool = True

    @property
    def uses_all(self) -> bool:
        """True if unpaired items count."""
        return self.compare is not None and not self.common_only


def _frechet(key: str) -> Compare:
    def compare(truth: Sequence[Features], made: Sequence[Features]) -> Found:
        a, b = _rows(truth, key), _rows(made, key)
        few = metrics.few_samples(a, b)
        value = metrics.frechet_distance(a, b)
        return Found(value, (len(a), len(b)), a.shape[1], notes=(few,) if few else ())

    return compare


def _kernel(key: str) -> Compare:
    def compare(truth: Sequence[Features], made: Sequence[Features]) -> Found:
        a, b = _rows(truth, key), _rows(made, key)
        found = metrics.kernel_distance(a, b)
        note = f"100 subsets of up to 1000, seed {metrics.PROTOCOL_SEED}, std {found.std:.4f}"
        return Found(found.mean, (len(a), len(b)), a.shape[1], found.std, (note,))

    return compare


def _inception(key: str) -> Compare:
    def compare(truth: Sequence[Features], made: Sequence[Features]) -> Found:
        logits = _rows(made, key)
        found = metrics.inception_score(logits)
        note = f"{metrics.SPLITS} splits, RandomState({metrics.PROTOCOL_SEED}), std {found.std:.4f}"
        return Found(found.mean, (0, len(logits)), logits.shape[1], found.std, (note,))

    return compare


def _rows(side: Sequence[Features], key: str) -> Tensor:
    """[rows, d] of all items: one row of each, or all windows of each."""
    if not side:
        raise InputError("there is nothing to compare")
    return torch.cat([item[key][None] if item[key].ndim == 1 else item[key] for item in side])


def _kl(truth: Features, made: Features) -> float:
    return metrics.kl_divergence(truth["logits"][None], made["logits"][None])


def _labels(truth: Features, made: Features) -> float:
    return metrics.label_divergence(truth["labels"][None], made["labels"][None])


def _cosine(truth: Features, made: Features) -> float:
    return metrics.cosine(truth["cross"][None], made["cross"][None])


def _imagebind(truth: Features, made: Features) -> float:
    """Made elsewhere, or the sound against the pictures of the true file, else of the made one."""
    if "cross" in made:
        return _cosine(truth, made)
    sight = truth["sight"] if len(truth["sight"]) else made["sight"]
    if not len(sight):
        raise InputError("no pictures on either side: give videos as the true side")
    return metrics.cosine(sight[None], made["sound"][None])


def _clap(truth: Features, made: Features) -> float:
    """Made elsewhere, or the sound against the caption beside the true file, else beside the made one."""
    if "cross" in made:
        return _cosine(truth, made)
    words = truth["words"] if len(truth["words"]) else made["words"]
    if not len(words):
        raise InputError("no caption: put it in a .txt of the same name beside the true sound")
    return metrics.cosine(words[None], made["sound"][None])


def _desync(truth: Features, made: Features) -> float:
    """From logits made elsewhere, or from tokens of the true (else the made) pictures and the sound."""
    if "first14" in made:
        first, last = made["first14"], made["last14"]
    else:
        from soundvcm.evaluation.networks import desync

        visual = truth["visual"] if len(truth["visual"]) else made["visual"]
        first, last = desync.offsets(visual, made["audio"])
    return metrics.desync(first[None], last[None])


def _onsets(part: str) -> Each:
    def each(truth: Features, made: Features) -> float:
        if not len(truth["onsets"]):
            return float("nan")
        found = match_onsets(truth["onsets"].numpy(), made["onsets"].numpy())
        return 1000 * found.offset_seconds if part == "offset" else float(getattr(found, part))

    return each


def _energy(truth: Features, made: Features) -> float:
    """Correlation of the loudness curves; a constant prediction of a sound that changes has 0."""
    found = curve_correlation(truth["energy"].numpy(), made["energy"].numpy())
    if not isfinite(found) and float(truth["energy"].std(correction=0)) > 1e-6:
        return 0.0
    return found


def _moved(truth: Features, made: Features) -> Tensor:
    """[g] movement of the made file's own pictures, else of the true file's."""
    return made["movement"] if len(made["movement"]) else truth["movement"]


def _motion(truth: Features, made: Features) -> float:
    return curve_correlation(made["energy"].numpy(), _moved(truth, made).numpy())


def _motion_elsewhere(truth: Sequence[Features], made: Sequence[Features]) -> Found:
    """Every loudness against the movement of all other clips: what chance gives."""
    curves = [_moved(a, b).numpy() for a, b in zip(truth, made, strict=True)]
    found = [
        curve_correlation(one["energy"].numpy(), curve)
        for i, one in enumerate(made)
        for j, curve in enumerate(curves)
        if i != j
    ]
    kept = [value for value in found if isfinite(value)]
    if not kept:
        raise InputError("no two clips that move and sound: the floor needs at least two videos")
    return Found(sum(kept) / len(kept), (len(curves), len(made)), 1, notes=(f"{len(kept)} pairs",))


def _family(
    extractor: str,
    suffix: str,
    *,
    common_is: bool = False,
    default: bool = False,
    several: bool = False,
) -> list[Definition]:
    """FD, a score of pairs, IS.

    A classifier that names several classes at once (`several`) has the divergence of its labels in place of
    KL: the softmax behind KL is decided by classes that are all absent, and says nothing near silence.
    """
    pairs = (f"JS_{suffix}", "bits", _labels) if several else (f"KL_{suffix}", "nats", _kl)
    return [
        Definition(
            f"FD_{suffix}", extractor, "squared distance", "lower",
            compare=_frechet("rows"), default=default,
        ),
        Definition(pairs[0], extractor, pairs[1], "lower", each=pairs[2], default=default),
        Definition(
            f"IS_{suffix}", extractor, "score", "higher",
            compare=_inception("logits"), common_only=common_is, default=default,
        ),
    ]  # fmt: skip


def _paired_frechet(name: str, extractor: str) -> Definition:
    return Definition(
        name, extractor, "squared distance", "lower", compare=_frechet("rows"), common_only=True
    )


DEFINITIONS: dict[str, Definition] = {
    one.name: one
    for one in (
        *_family("yamnet", "YAMNet", default=True, several=True),
        Definition("KID_YAMNet", "yamnet", "squared MMD", "lower", compare=_kernel("rows"), resampled=False),
        Definition("onset_F1", "onsets", "0 .. 1", "higher", each=_onsets("f1"), default=True),
        Definition("onset_precision", "onsets", "0 .. 1", "higher", each=_onsets("precision"), default=True),
        Definition("onset_recall", "onsets", "0 .. 1", "higher", each=_onsets("recall"), default=True),
        Definition("onset_offset", "onsets", "ms", "near 0", each=_onsets("offset"), default=True),
        Definition("energy_correlation", "onsets", "-1 .. 1", "higher", each=_energy, default=True),
        Definition("motion_correlation", "motion", "-1 .. 1", "higher", each=_motion),
        Definition(
            "motion_elsewhere",
            "motion",
            "-1 .. 1",
            "near 0",
            compare=_motion_elsewhere,
            common_only=True,
            resampled=False,
        ),
        Definition("FD_aiSFX", "aisfx", "squared distance", "lower", compare=_frechet("rows")),
        Definition("FD_VGG", "vggish", "squared distance", "lower", compare=_frechet("rows")),
        *_family("panns", "PANNs"),
        _paired_frechet("FD_PaSST", "passt"),
        *_family("passt", "PaSST", common_is=True)[1:],
        Definition("IB", "imagebind", "cosine", "higher", each=_imagebind),
        Definition("CLAP", "clap", "cosine", "higher", each=_clap),
        Definition("CLAP_630k", "clap630k", "cosine", "higher", each=_clap),
        Definition("DeSync", "synchformer", "s", "lower", each=_desync),
    )
}


def find(names: Sequence[str] = ()) -> list[Definition]:
    """Definitions of scores by name, or of all scores of an extractor ("onsets"); the default ones of ().

    Raises:
        OptionError: for a name nobody knows.
    """
    if not names:
        return [one for one in DEFINITIONS.values() if one.default]
    known = {name.lower(): [one] for name, one in DEFINITIONS.items()}
    for one in DEFINITIONS.values():
        if one.extractor != "clap":
            known.setdefault(one.extractor, []).append(one)
    chosen: dict[str, Definition] = {}
    for name in names:
        if name.lower() not in known:
            options = [*DEFINITIONS, *sorted({one.extractor for one in DEFINITIONS.values()})]
            raise OptionError(
                f"no score {name!r}{nearest(name, options)}; there are {', '.join(DEFINITIONS)}"
            )
        chosen |= {one.name: one for one in known[name.lower()]}
    return list(chosen.values())
