"""Weights and inputs of the golden files, made from names alone (tests/golden/README.md, "Rules").

Knows numpy, names and shapes; nothing of any network. `salt` changes every draw, for further sets of cases.
"""

from __future__ import annotations

import csv
import math
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def seed_of(text: str, salt: str = "") -> int:
    """crc32 of salt + text, the seed of one draw."""
    return zlib.crc32((salt + text).encode("utf-8"))


def draw(text: str, shape: tuple[int, ...], salt: str = "") -> Array:
    """Standard normal float64 numbers [shape] in C order."""
    return np.asarray(np.random.RandomState(seed_of(text, salt)).standard_normal(shape), dtype=np.float64)


def weight(key: str, shape: tuple[int, ...], salt: str = "") -> npt.NDArray[np.float32]:
    """The value of one state-dict entry by the weight rule (lines A to D), float32."""
    z = draw(key, shape, salt)
    last = key.rsplit(".", 1)[-1]
    if (len(shape) >= 2 and last.endswith("weight")) or last == "weight_v":
        value = z / math.sqrt(math.prod(shape[1:]))
    elif last == "weight_g":
        value = 0.8 + 0.05 * z
    elif last.endswith("_std") or (len(shape) == 1 and last.endswith("weight")):
        value = 1 + 0.05 * z
    else:
        value = 0.05 * z
    return np.asarray(value, dtype=np.float32)


def weights(shapes: Mapping[str, tuple[int, ...]], salt: str = "") -> dict[str, npt.NDArray[np.float32]]:
    """Weights for every key and shape."""
    return {key: weight(key, shape, salt) for key, shape in shapes.items()}


def exact_input(name: str, shape: tuple[int, ...], salt: str = "") -> Array:
    """The float64 draw of one named input."""
    return draw("input:" + name, shape, salt)


def given_input(name: str, shape: tuple[int, ...], salt: str = "") -> npt.NDArray[np.float32]:
    """One named input, float32."""
    return exact_input(name, shape, salt).astype(np.float32)


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of a table with the columns `key` and `shape` (AxBxC, or "scalar")."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {
        row["key"]: () if row["shape"] == "scalar" else tuple(int(part) for part in row["shape"].split("x"))
        for row in rows
    }


def relative_error(found: npt.ArrayLike, expected: npt.ArrayLike) -> float:
    """||a - b|| / ||b|| over the whole array."""
    a, b = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    assert a.shape == b.shape, f"shape {a.shape}, expected {b.shape}"
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))
