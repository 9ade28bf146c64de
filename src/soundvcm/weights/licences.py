"""The licence of everything: code, bundled parts, frozen encoders, metric networks, training sets (case 44).

Facts in plain words, not legal advice. Knows the table of weights files and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from soundvcm.weights.table import parts

Kind = Literal["code", "bundled", "weights", "metric", "data"]

OUTPUT_SENTENCE = (
    "Sound made by the bundled model `tiny` is yours to use, commercially too. Sound made with MMAudio's "
    "networks, its VAEs or Apple's CLIP is for non-commercial use, whatever the licence of our code."
)


@dataclass(frozen=True)
class Licence:
    """One row of the licence table.

    Attributes:
        name: the part.
        kind: code, bundled (inside the package), weights (fetched), metric (scores only), data (training
        sets). licence: short name.
        may: what one may do, in plain words.
        link: where it says so.
        non_commercial: True if commercial use is not allowed.
    """

    name: str
    kind: Kind
    licence: str
    may: str
    link: str
    non_commercial: bool = False


_CODE = (
    Licence(
        "soundvcm (this code)",
        "code",
        "MIT",
        "use it for anything, keep the notice",
        "https://opensource.org/license/mit",
    ),
    Licence(
        "FFmpeg inside PyAV's wheel (x264, x265)",
        "code",
        "GPL-2.0-or-later",
        "use it freely; who ships an image that contains it must offer its source",
        "https://pyav.org",
    ),
)

_METRICS = (
    Licence(
        "YAMNet",
        "metric",
        "Apache-2.0",
        "use it for anything, keep the notice",
        "https://github.com/tensorflow/models/tree/master/research/audioset/yamnet",
    ),
    Licence(
        "VGGish",
        "metric",
        "Apache-2.0",
        "use it for anything, keep the notice",
        "https://github.com/tensorflow/models/tree/master/research/audioset/vggish",
    ),
    Licence(
        "PANNs Cnn14",
        "metric",
        "CC-BY-4.0 (weights), MIT (code)",
        "use it for anything with credit",
        "https://zenodo.org/records/3987831",
    ),
    Licence(
        "PaSST",
        "metric",
        "Apache-2.0",
        "use it for anything, keep the notice",
        "https://github.com/kkoutini/PaSST",
    ),
    Licence(
        "aiSFX (in its own package)",
        "metric",
        "CC-BY-4.0",
        "use it for anything with credit",
        "https://github.com/alisonbma/aisfx",
    ),
    Licence(
        "LAION CLAP",
        "metric",
        "CC0-1.0",
        "use it for anything",
        "https://github.com/LAION-AI/CLAP",
    ),
    Licence(
        "ImageBind",
        "metric",
        "CC-BY-NC-SA-4.0",
        "use and change it with credit, not commercially, results under the same licence",
        "https://github.com/facebookresearch/ImageBind",
        non_commercial=True,
    ),
)

_DATA = (
    Licence(
        "VGGSound",
        "data",
        "CC-BY-4.0 (list and labels)",
        "the videos belong to their uploaders",
        "https://www.robots.ox.ac.uk/~vgg/data/vggsound/",
    ),
    Licence(
        "AudioSet",
        "data",
        "CC-BY-4.0 (list and labels)",
        "the videos belong to their uploaders",
        "https://research.google.com/audioset/",
    ),
    Licence(
        "AudioCaps",
        "data",
        "academic purposes only",
        "use the captions for academic work; the sounds are AudioSet's",
        "https://github.com/cdjkim/audiocaps",
        non_commercial=True,
    ),
    Licence(
        "WavCaps (FreeSound, BBC Sound Effects, AudioSet-SL)",
        "data",
        "academic use only",
        "use it for academic work",
        "https://huggingface.co/datasets/cvssp/WavCaps",
        non_commercial=True,
    ),
    Licence(
        "Clotho",
        "data",
        "captions: Tampere University, non-commercial; sounds: a Creative Commons licence each",
        "use the captions non-commercially with credit; see each sound for its own licence",
        "https://zenodo.org/records/4783391",
        non_commercial=True,
    ),
)


def licences() -> list[Licence]:
    """Every row, in the order code, bundled, weights, metric, data."""
    from_table = [
        Licence(
            f"{row.name} ({row.file})",
            "bundled" if row.bundled else "weights",
            row.licence,
            row.may,
            row.link,
            row.non_commercial,
        )
        for row in parts()
    ]
    return [*_CODE, *from_table, *_METRICS, *_DATA]
