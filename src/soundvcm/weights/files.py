"""Reading and writing tensors: safetensors and PyTorch files; no code in a file is run, writes are atomic.

The kind of a file is told from its first bytes, not from its name. Metadata are short strings; every file we
write carries its licence there. `fit` puts tensors into a module, strictly; one built on the meta device
takes the tensors themselves, so no weight exists twice. Knows no network in particular.
"""

from __future__ import annotations

import json
import logging
import pickle
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from soundvcm.errors import WeightsError
from soundvcm.ground import files
from soundvcm.weights.folder import locate, verify
from soundvcm.weights.table import notice, part, parts

if TYPE_CHECKING:
    from torch import Tensor, nn

Network = TypeVar("Network", bound="nn.Module")
_LOG = logging.getLogger("soundvcm.weights")
_LONGEST_HEADER = 100_000_000  # the format's own limit
_INNER = ("generator", "state_dict", "model", "weights", "network")


def load(name_or_path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors (on the CPU) and metadata of a known file or of any file given by its path.

    A known file is hashed on its first use only; a non-commercial one says so once per process.

    Raises:
        WeightsError: the file is missing (what to fetch is said), damaged or of no known kind.
    """
    name = str(name_or_path)
    if not any(name == row.name for row in parts()):
        return read(Path(name_or_path))
    row = part(name)
    path = locate(name)
    check = verify(name, fresh=False)
    if check.state == "damaged":
        raise WeightsError(f"{path} is damaged: {check.detail}")
    _say_once(notice(row))
    return read(path)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors or PyTorch file.

    Raises:
        WeightsError: if it does not exist or is not such a file; nothing in the file is ever executed.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror})") from None
    if head[8:9] == b"{":
        return _read_safetensors(path)
    if head[:2] == b"PK" or head[:1] == b"\x80":
        return _read_torch(path, mapped=head[:2] == b"PK")
    raise WeightsError(f"{path} is neither a safetensors nor a PyTorch file")


def header(path: Path) -> dict[str, str]:
    """Metadata of a safetensors file, without reading a tensor or loading torch; {} for other kinds of file.

    Raises:
        WeightsError: if the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if file.read(1) != b"{" or size > _LONGEST_HEADER:
                return {}
            found = json.loads(b"{" + file.read(size - 1))
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror})") from None
    except ValueError:
        raise WeightsError(f"{path} is damaged (its header is not JSON): fetch it again") from None
    return dict(found.get("__metadata__") or {})


def save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file beside its place, then rename it: a reader sees the old or the new file,
    whole.

    Args:
        path: where to; its folder is made.
        tensors: any device, any strides; tensors that share memory are written apart.
        metadata: short strings; must hold "licence".

    Raises:
        WeightsError: no licence in the metadata, or the disk cannot take it (nothing is left behind).
    """
    from safetensors.torch import save_file

    if not metadata.get("licence"):
        raise WeightsError(f'{path}: metadata must name the "licence" of the weights')
    ready = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
    try:
        with files.beside(path) as part:
            save_file(ready, part, metadata=dict(metadata))
    except OSError as error:
        raise WeightsError(f"{path} cannot be written ({error.strerror or error})") from None


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
            return tensors, dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is damaged ({str(error).splitlines()[0]}): fetch it again") from None


def _read_torch(path: Path, *, mapped: bool) -> tuple[dict[str, Tensor], dict[str, str]]:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a word on the pickle's version; what matters is said below
            with torch.serialization.safe_globals(numbers()):
                found = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError:
        raise WeightsError(
            f"{path} holds more than tensors and is not read (it could run code): convert it to safetensors"
        ) from None
    except Exception as error:  # whatever instructions a damaged pickle holds
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path} is damaged ({why}): fetch it again") from None
    tensors = _tensors(found)
    if tensors is None:
        raise WeightsError(f"{path} holds no table of tensors")
    return tensors, {}


def numbers() -> list[Any]:
    """What a pickled number of numpy is made of (an epoch beside the weights); none of it runs code."""
    import numpy as np

    scalar = np._core.multiarray.scalar  # type: ignore[attr-defined]
    kinds = [type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "b1")]
    return [(scalar, "numpy.core.multiarray.scalar"), scalar, np.dtype, *kinds]


def _tensors(found: Any) -> dict[str, Tensor] | None:
    """The state dict itself, or the one inside a checkpoint under one of the usual names."""
    import torch

    if isinstance(found, torch.Tensor):
        return {"": found}
    if not isinstance(found, Mapping):
        return None
    tensors = {str(key): value for key, value in found.items() if isinstance(value, torch.Tensor)}
    if tensors and len(tensors) == len(found):
        return tensors
    for name in _INNER:
        if isinstance(found.get(name), Mapping):
            return _tensors(found[name])
    return None


def _say_once(line: str | None) -> None:
    if line:
        _log_once(line)


@lru_cache(maxsize=64)
def _log_once(line: str) -> None:
    _LOG.warning("%s", line)


def fit(module: nn.Module, tensors: Mapping[str, Tensor], what: str, *, drop: Iterable[str] = ()) -> None:
    """Load tensors into a module, every name and every shape.

    Args:
        module: on any device, also "meta".
        tensors: name => tensor.
        what: what the weights are called, for the message.
        drop: names that may be there and are ignored.

    Raises:
        WeightsError: one line with the first names that are missing, unexpected or of another shape.
    """
    dropped = set(drop)
    given = {name: value for name, value in tensors.items() if name not in dropped}
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in given]
    unexpected = [name for name in given if name not in wanted]
    other = [
        f"{name} {list(given[name].shape)} instead of {list(wanted[name].shape)}"
        for name in wanted
        if name in given and given[name].shape != wanted[name].shape
    ]
    wrong = [
        _some(label, names)
        for label, names in (("missing", missing), ("unexpected", unexpected), ("shape", other))
        if names
    ]
    if wrong:
        raise WeightsError(f"{what} does not fit {type(module).__name__}: {'; '.join(wrong)}")
    module.load_state_dict(given, strict=True, assign=any(value.is_meta for value in wanted.values()))


def built(
    make: Callable[[], Network], tensors: Mapping[str, Tensor], what: str, *, drop: Iterable[str] = ()
) -> Network:
    """A network for use, frozen, in evaluation mode: made without memory of its own, it takes the tensors
    themselves.

    Args:
        make: builds the network.
        tensors: as for `fit`.
        what: as for `fit`.
        drop: as for `fit`.

    Raises:
        WeightsError: as `fit`.
    """
    import torch

    with torch.device("meta"):  # a gigabyte of weights exists once
        network = make()
    fit(network, tensors, what, drop=drop)
    return network.eval().requires_grad_(False)


def _some(label: str, names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{label}: {', '.join(names[:3])}{more}"
