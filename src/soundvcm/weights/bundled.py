"""The row of one weights file: name, file, size, hashes, origin, licence; and what is inside the package.

Whoever adds a file to the package's assets adds its row here. Knows no folders and no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Source:
    """One place a file can be fetched from.

    Attributes:
        host: "hub" (Hugging Face, or the endpoint in HF_ENDPOINT), "github" (a release), "zenodo" or "meta".
        repository: owner/name; the number of a record on Zenodo.
        path: path inside the repository or the release.
        revision: branch, commit or release tag.
    """

    host: Literal["hub", "github", "zenodo", "meta"]
    repository: str
    path: str
    revision: str = "main"


@dataclass(frozen=True)
class Part:
    """One weights file.

    Attributes:
        name: what people type.
        file: name in the weights folder, or in the package's assets if `bundled`.
        about: what it is.
        licence: short name of the licence.
        may: what the licence allows, in plain words.
        link: page of the origin.
        non_commercial: True if commercial use is not allowed.
        bundled: True if it comes inside the package.
        bytes: exact size, None if unknown.
        about_bytes: size to expect when the exact one is unknown.
        sha256: published hash, None if unknown.
        md5: published hash, None if unknown.
        sources: where to fetch it, in order.
        aliases: names the publishers use for the same file.
    """

    name: str
    file: str
    about: str
    licence: str
    may: str
    link: str
    non_commercial: bool = False
    bundled: bool = False
    bytes: int | None = None
    about_bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None
    sources: tuple[Source, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def size_text(self) -> str:
        """The size for messages: "629,395,261 bytes", "about 630,000,000 bytes" or "size unknown"."""
        if self.bytes is not None:
            return f"{self.bytes:,} bytes"
        return f"about {self.about_bytes:,} bytes" if self.about_bytes else "size unknown"

    @property
    def hash_text(self) -> str:
        """The hash for messages: "SHA-256 ...", "MD5 ..." or "no published hash"."""
        if self.sha256:
            return f"SHA-256 {self.sha256}"
        return f"MD5 {self.md5}" if self.md5 else "no published hash"


# Files inside the package (src/soundvcm/assets); a test fails when one of them has no row here (case 44).
BUNDLED: tuple[Part, ...] = (
    Part(
        name="clip_bpe",
        file="clip_bpe/merges.txt.gz",
        about="the 48,894 byte-pair merges of CLIP's tokenizer (from open_clip)",
        licence="MIT",
        may="use it for anything, keep the notice",
        link="https://github.com/mlfoundations/open_clip",
        bundled=True,
    ),
    Part(
        name="words",
        file="words.safetensors",
        about="word table of `tiny`, distilled from all-MiniLM-L6-v2",
        licence="Apache-2.0",
        may="use it for anything, keep the notice",
        link="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
        bundled=True,
        bytes=6_183_889,
        sha256="114b60085814d974c95117d498d112ee893b457c7d18e92d111629cf23fb885d",
    ),
    Part(
        name="pictures",
        file="pictures.safetensors",
        about="picture encoder of `tiny`: EfficientNet-Lite0 and what its labels mean",
        licence="Apache-2.0",
        may="use it for anything, keep the notice",
        link="https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite",
        bundled=True,
        bytes=5_966_197,
        sha256="84f623889d3cbeb0195fd95e01acf90a4aa3de4943606e6a7286a8de2133fe32",
    ),
    Part(
        name="yamnet",
        file="yamnet.safetensors",
        about="YAMNet, 521 AudioSet classes: classes of the sound, for the summary and scores",
        licence="Apache-2.0",
        may="use it for anything, keep the notice",
        link="https://github.com/tensorflow/models/tree/master/research/audioset/yamnet",
        bundled=True,
        bytes=7_576_415,
        sha256="be3674323b92b63eabfed717b992d816c5daeb955a3229e45379ce3a594012c5",
    ),
    Part(
        name="tiny_codec",
        file="tiny_codec.safetensors",
        about="codec of `tiny`: sound to latents and back, trained here on the foley bank",
        licence="MIT",
        may="use it for anything, keep the notice",
        link="https://opensource.org/license/mit",
        bundled=True,
    ),
    Part(
        name="tiny_network",
        file="tiny_network.safetensors",
        about="velocity network of `tiny`, trained here on drawn scenes",
        licence="MIT",
        may="use it for anything, keep the notice",
        link="https://opensource.org/license/mit",
        bundled=True,
    ),
)
