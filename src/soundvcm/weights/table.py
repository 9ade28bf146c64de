"""Every weights file the package knows: name, file, size, hashes, origin, licence. One row for each.

Sizes and hashes come from the publishers' own pages (stored copies); a file without a published hash has None
and is accepted by its keys and shapes alone. Knows no folders and no network.
"""

from __future__ import annotations

from soundvcm.config import nearest
from soundvcm.errors import WeightsError
from soundvcm.weights.bundled import BUNDLED, Part, Source
from soundvcm.weights.scoring import SCORING

MMAUDIO_LICENCE = "CC-BY-NC-4.0"
MMAUDIO_MAY = "use, change and share it with credit, but not for commercial purposes"


def _mmaudio(
    name: str, about: str, sha256: str, md5: str | None, bytes: int | None, about_bytes: int | None = None
) -> Part:
    folder = "checkpoints" if name.endswith("_ckpt") else "weights"
    return Part(
        name=name,
        file=f"{name}.pth",
        about=about,
        licence=MMAUDIO_LICENCE,
        may=MMAUDIO_MAY,
        link="https://huggingface.co/hkchengrex/MMAudio",
        non_commercial=True,
        bytes=bytes,
        about_bytes=about_bytes,
        sha256=sha256,
        md5=md5,
        sources=(Source("hub", "hkchengrex/MMAudio", f"{folder}/{name}.pth"),),
    )


def _external(name: str, file: str, about: str, **facts: object) -> Part:
    """A file MMAudio mirrors beside its own weights: the hub first, then the GitHub release."""
    given: dict[str, object] = {
        "licence": MMAUDIO_LICENCE,
        "may": MMAUDIO_MAY,
        "link": "https://huggingface.co/hkchengrex/MMAudio",
        "non_commercial": True,
        "sources": (
            Source("hub", "hkchengrex/MMAudio", f"ext_weights/{file}"),
            Source("github", "hkchengrex/MMAudio", file, revision="v0.1"),
        ),
        **facts,
    }
    return Part(name=name, file=file, about=about, **given)  # type: ignore[arg-type]


_MMAUDIO = (
    _mmaudio(
        "mmaudio_small_16k",
        "network, 157 M parameters, 16 kHz",
        "61987bcbd6fc689af063075d7efaef29425f65df155dac589c07fa8173a03c1c",
        "af93cde404179f58e3919ac085b8033b",
        629_395_261,
    ),
    _mmaudio(
        "mmaudio_small_44k",
        "network, 157 M parameters, 44.1 kHz",
        "11fd92e860a58f0fac972706dd06034e49dceff2e1450bbde5703785c812b0f1",
        "babd74c884783d13701ea2820a5f5b6d",
        None,
        630_000_000,
    ),
    _mmaudio(
        "mmaudio_medium_44k",
        "network, 622 M parameters, 44.1 kHz",
        "3c6b01b5767a92f71529474faffedca2309416ff822b57b0c8d18be218cfb41a",
        "5a56b6665e45a1e65ada534defa903d0",
        2_487_535_109,
    ),
    _mmaudio(
        "mmaudio_large_44k",
        "network, 1.03 G parameters, 44.1 kHz",
        "b3094f49ec67847dc5cf989982033b674574fd35f313d2fe4e54de8998a576dd",
        "fed96c325a6785b85ce75ae1aafd2673",
        4_120_388_840,
    ),
    _mmaudio(
        "mmaudio_large_44k_v2",
        "network, 1.03 G parameters, 44.1 kHz, second version",
        "a6bf693424fbd4ce0244fff8c412347714d5ac586e28dbeffadfa0f2b647af74",
        "01ad4464f049b2d7efdaa4c1a59b8dfe",
        4_122_474_715,
    ),
    _mmaudio(
        "mmaudio_small_16k_ckpt",
        "training state of mmaudio_small_16k (optimizer and averages)",
        "9a1b5c76a12fe97ffdc78b8e2a33ff12938f1c750669635a1197518fe85c5dd9",
        None,
        None,
        3_150_000_000,
    ),
)

_CODECS_AND_ENCODERS = (
    _external(
        "vae_16k",
        "v1-16.pth",
        "mel VAE, 16 kHz, 20 latent channels",
        bytes=686_652_758,
        md5="69f56803f59a549a1a507c93859fd4d7",
        sha256="15ad082c714ccf3771898a771fc6eebdc1d9c8d5c6154726906a97f43603d62c",
    ),
    _external(
        "vae_44k",
        "v1-44.pth",
        "mel VAE, 44.1 kHz, 40 latent channels",
        bytes=1_221_942_998,
        md5="fab020275fa44c6589820ce025191600",
        sha256="ab6cc15dc31947675f75c950c41f4dcfd0d6d1817555ac871f809ec388e4651a",
    ),
    _external(
        "bigvgan_16k",
        "best_netG.pt",
        "vocoder BigVGAN v1, 16 kHz (from Make-An-Audio 2; its repository is MIT, this copy is not)",
        bytes=449_217_313,
        md5="eeaf372a38a9c31c362120aba2dde292",
        sha256="970ca75ee4d5ce583e9396a4534acb14971ea2b4f1c22e038f476680c868a789",
    ),
    Part(
        name="bigvgan_44k",
        file="bigvgan_v2_44khz_128band_512x.pt",
        about="vocoder BigVGAN v2, 44.1 kHz",
        licence="MIT",
        may="use it for anything, keep the notice",
        link="https://huggingface.co/nvidia/bigvgan_v2_44khz_128band_512x",
        bytes=489_041_291,
        sha256="d9fe7ec6bd0b44ed9d66973d5012d8181c1570b01e5c72df51973e241dccd357",
        sources=(
            Source("hub", "nvidia/bigvgan_v2_44khz_128band_512x", "bigvgan_generator.pt", revision="95a9d1d"),
        ),
        aliases=("bigvgan_generator.pt",),
    ),
    _external(
        "synchformer",
        "synchformer_state_dict.pth",
        "Synchformer, 24-01-04T16-39-21: sync features and the DeSync score",
        licence="MIT",
        may="use it for anything, keep the notice",
        link="https://github.com/v-iashin/Synchformer",
        non_commercial=False,
        bytes=950_058_171,
        md5="5b2f5594b0730f70e41e549b7c94390c",
        sha256="8aff082f2df5c3bc52759db0c865c7ee772ae6400b860d1b7e90413f2defb67c",
    ),
    Part(
        name="clip_vith14_378",
        file="dfn5b_clip_vit_h_14_378.bin",
        about="CLIP ViT-H/14 trained on DFN-5B, 378 pixels: picture and text features",
        licence="Apple Machine Learning Research licence",
        may="use it for research only",
        link="https://huggingface.co/apple/DFN5B-CLIP-ViT-H-14-378",
        non_commercial=True,
        about_bytes=3_950_000_000,
        sources=(
            Source(
                "hub", "apple/DFN5B-CLIP-ViT-H-14-378", "open_clip_pytorch_model.bin", revision="01b771ed"
            ),
        ),
        aliases=(
            "open_clip_pytorch_model.bin",
            "open_clip_model.safetensors",
            "dfn5b_clip_vit_h_14_378.safetensors",
        ),
    ),
    _external(
        "empty_string",
        "empty_string.pth",
        "CLIP features of the empty prompt (also inside every network file)",
        bytes=316_597,
        sha256="8b52af5543c9eaae110acd78b804fd573177a2288f5d2673df55f66f9ed6b411",
        sources=(Source("github", "hkchengrex/MMAudio", "empty_string.pth", revision="v0.1"),),
    ),
)


def parts() -> tuple[Part, ...]:
    """All known files: the bundled ones first."""
    return BUNDLED + _MMAUDIO + _CODECS_AND_ENCODERS + SCORING


def part(name: str) -> Part:
    """The row of a name (or of a file name).

    Raises:
        WeightsError: if no file is known under that name; suggests the nearest.
    """
    for row in parts():
        if name in (row.name, row.file):
            return row
    raise WeightsError(f"no weights are known as {name!r}{nearest(name, [row.name for row in parts()])}")


def systems() -> tuple[str, ...]:
    """Names of the networks in the table that make a whole system with their codec and encoders."""
    return tuple(row.name for row in _MMAUDIO if not row.name.endswith("_ckpt"))


def system_parts(name: str) -> tuple[Part, ...]:
    """Every file a system needs: its network, VAE, vocoder and encoders.

    Raises:
        WeightsError: if no system has that name.
    """
    if name not in systems():
        raise WeightsError(f"no system has weights under {name!r}{nearest(name, systems())}")
    mode = "16k" if "_16k" in name else "44k"
    return tuple(
        part(file) for file in (name, f"vae_{mode}", f"bigvgan_{mode}", "synchformer", "clip_vith14_378")
    )


def notice(row: Part) -> str | None:
    """The line to show before a download and once at use, None where nothing restricts the use."""
    if not row.non_commercial:
        return None
    return f"{row.name} is non-commercial ({row.licence}): you may {row.may}. See {row.link}"
