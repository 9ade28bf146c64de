"""Every weights file the package knows and the licence of everything, read from `table.toml`.

A new file or a new hash is a row of data there. Knows no folders and no network.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from soundvcm.errors import WeightsError, nearest

Kind = Literal["code", "bundled", "weights", "metric", "data"]

OUTPUT_SENTENCE = (
    "Sound made by the bundled model `tiny` is yours to use, commercially too; where it holds reference "
    "recordings, which are then named with it, name their authors. Sound made with MMAudio's "
    "networks, its VAEs or Apple's CLIP is for non-commercial use, whatever the licence of our code."
)


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


@dataclass(frozen=True)
class Licence:
    """One row of the licence table.

    Attributes:
        name: the part.
        kind: code, bundled (inside the package), weights (fetched), metric (scores only), data (training
            sets).
        licence: short name.
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


@cache
def _data() -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads((Path(__file__).parent / "table.toml").read_text(encoding="utf-8"))


@cache
def _rows() -> tuple[Part, ...]:
    rows = []
    for row in map(dict, _data()["part"]):
        sources = tuple(Source(*source) for source in row.pop("sources", ()))
        aliases = tuple(row.pop("aliases", ()))
        rows.append(Part(**row, sources=sources, aliases=aliases))
    return tuple(rows)


def parts() -> tuple[Part, ...]:
    """All known files: the bundled ones first."""
    return _rows()


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
    return tuple(
        row.name for row in parts() if row.name.startswith("mmaudio_") and not row.name.endswith("_ckpt")
    )


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


def licences() -> list[Licence]:
    """The licence of everything, in the order code, bundled, weights, metric, data (case 44)."""
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
    others = [Licence(**row) for row in _data()["licence"]]
    code = [row for row in others if row.kind == "code"]
    return [*code, *from_table, *(row for row in others if row.kind != "code")]
