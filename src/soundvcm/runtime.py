"""Devices, number formats, threads and seeds: the only file that asks the machine what it has.

Noise is drawn per item from its own CPU generator, so that neither batch nor device changes it (case 28).
Knows nothing of networks, files or commands.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soundvcm.clusters import core_count as core_count
from soundvcm.errors import DeviceError, OptionError

DEVICES = ("auto", "cpu", "cuda", "mps")
PLAIN_TOKENS = 512
MAX_SEED = torch.iinfo(torch.int64).max  # of PyTorch's generators
Item = TypeVar("Item")
Value = TypeVar("Value")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def available_devices() -> list[str]:
    """Names of the devices that work here, best first; "cpu" is always the last."""
    found = []
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def resolve_device(name: str = "auto") -> torch.device:
    """The torch device for a name: auto, cpu, cuda (or cuda:N), mps.

    Raises:
        DeviceError: if the device is not available; says what this PyTorch was built for.
    """
    kind = name.split(":")[0]
    if kind not in DEVICES:
        raise DeviceError(f"unknown device {name!r}: use one of {', '.join(DEVICES)}")
    here = available_devices()
    if kind == "auto":
        return torch.device(here[0])
    if kind not in here:
        built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "the CPU only"
        label = {"cuda": "CUDA", "mps": "MPS"}[kind]
        raise DeviceError(
            f"{label} is not available (PyTorch {torch.__version__} built for {built}): "
            f"use --device {here[0]}"
        )
    if ":" in name:
        index = name.split(":")[1]
        if kind != "cuda" or not index.isdigit() or int(index) >= torch.cuda.device_count():
            raise DeviceError(f"no device {name!r} here: {torch.cuda.device_count()} CUDA device(s) found")
    return torch.device(name)


def device_of_each(name: str, workers: int = 0) -> list[str]:
    """Devices of several processes that share a work: GPUs in turn, or the same one for all.

    Args:
        name: auto, cpu, cuda, mps, or one GPU (cuda:1).
        workers: how many; 0 for one on each GPU, two on a CPU.
    """
    device = resolve_device(name)
    gpus = torch.cuda.device_count() if device.type == "cuda" and device.index is None else 0
    count = workers or gpus or (2 if device.type == "cpu" else 1)
    return [f"cuda:{k % gpus}" if gpus else name for k in range(count)]


def resolve_dtype(name: str, device: torch.device) -> torch.dtype:
    """The torch number format for a name, if the device can compute in it.

    Raises:
        DeviceError: if it cannot; names the formats that work.
    """
    if name not in DTYPES:
        raise DeviceError(f"unknown dtype {name!r}: use one of {', '.join(DTYPES)}")
    if device.type == "cuda" and name == "bfloat16" and not torch.cuda.is_bf16_supported():
        raise DeviceError("this GPU does not compute in bfloat16: use --dtype float16 or float32")
    if device.type == "cpu" and name == "float16":
        raise DeviceError("float16 is not fast or complete on a CPU: use --dtype float32 or bfloat16")
    return DTYPES[name]


def pick_seed(seed: int = -1) -> int:
    """The seed itself, or a fresh one below 2**31 for -1.

    Raises:
        OptionError: outside -1 .. 2**63 - 1.
    """
    if seed == -1:
        return secrets.randbelow(2**31)
    if not 0 <= seed <= MAX_SEED:
        raise OptionError(f"seed {seed} is out of range: use -1 (random) or 0 .. 2**63 - 1")
    return seed


def seeded_noise(seeds: list[int], shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise [len(seeds), *shape], float32 on the CPU; row i depends on seeds[i] only."""
    rows = []
    for seed in seeds:
        generator = torch.Generator(device="cpu").manual_seed(seed)
        rows.append(torch.randn(shape, generator=generator, dtype=torch.float32))
    return torch.stack(rows)


def sent(value: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """A tensor on a device and in a format, without waiting for a GPU: host memory is pinned for the copy.

    The format is changed before the trip, so that float64 never reaches a device that does not know it.
    """
    if dtype is not None:
        value = value.to(dtype)
    if device.type != "cuda" or value.device.type != "cpu" or torch.compiler.is_compiling():
        return value.to(device)
    return (value if value.is_pinned() else value.pin_memory()).to(device, non_blocking=True)


def read_ahead(
    items: Iterable[Item], read: Callable[[Item], Value], threads: int, more: int = 0
) -> Iterator[tuple[Item, Callable[[], Value]]]:
    """Items in order, each with what gives (or raises) what `read` makes of it.

    Args:
        items: what to read.
        read: called from several threads at once.
        threads: that read the next items while one is used; 0 reads each when it is asked for.
        more: items that may wait beside one for each thread.
    """
    if not threads:
        yield from ((item, partial(read, item)) for item in items)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="soundvcm-read") as pool:
        waiting: deque[tuple[Item, Future[Value]]] = deque()
        for item in items:
            waiting.append((item, pool.submit(read, item)))
            if len(waiting) > threads + more:
                first, found = waiting.popleft()
                yield first, found.result
        for first, found in waiting:
            yield first, found.result


@contextmanager
def tf32(device: torch.device, wanted: bool = True) -> Iterator[None]:
    """Inside the block a GPU may multiply float32 in TF32 (10 bits of mantissa, several times as fast)."""
    if device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if wanted else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Use `count` CPU threads inside the block (None: leave as it is)."""
    before = torch.get_num_threads()
    if count is not None:
        if count < 1:
            raise OptionError(f"threads must be at least 1, not {count}")
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def compile_forward(
    parts: Iterable[nn.Module], device: torch.device, backend: str | Callable[..., Any] = "inductor"
) -> int:
    """Have torch.compile translate each module's forward at its first call; returns how many there are.

    Equal modules share one translation, which PyTorch keeps in its own cache folder between runs.

    Args:
        parts: modules, changed in place; their weights and their state dict stay as they are.
        device: where they run.
        backend: of torch.compile; all but the default trace without a compiler.

    Raises:
        DeviceError: if what the translation needs is not here: a C++ compiler on a CPU, Triton on a GPU.
    """
    if backend == "inductor":
        if device.type == "cuda" and find_spec("triton") is None:
            raise DeviceError("compiling for a GPU needs triton: pip install triton, or leave out --compile")
        if device.type != "cuda" and not any(map(shutil.which, cpp_compilers())):
            raise DeviceError(
                f"compiling needs a C++ compiler ({' or '.join(cpp_compilers())}): install one, or leave out"
                " --compile"
            )
    count = 0
    for part in parts:
        part.compile(backend=backend)
        count += 1
    return count


def cpp_compilers() -> list[str]:
    """The commands torch.compile would call here: $CXX, or the system's usual ones."""
    usual = {"win32": ["cl"], "darwin": ["clang++"]}.get(sys.platform, ["g++"])
    return [os.environ["CXX"]] if os.environ.get("CXX") else usual


def fast_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 faster than float32: GPUs that can, CPUs with AVX-512 BF16, AMX.

    Other CPUs compute it in float32 and round, which takes longer.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    known = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return device.type == "cpu" and any(getattr(torch.cpu, name, lambda: False)() for name in known)


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Softmax attention of [..., h, n, e] over [..., h, k, e], scale 1 / sqrt(e), the fastest way there is.

    bfloat16 on a CPU is two plain products, whose scores are rounded too (twice the error of PyTorch's fused
    kernel). Measured with PyTorch 2.13: the kernel takes 1.3 to 2 times as long forwards, 2.5 to 3 times with
    its backward pass, for up to 200 tokens; more batch axes than one double that again, so they are joined.
    """
    if query.dim() > 4:
        lead = query.shape[:-3]
        joined = (part.reshape(-1, *part.shape[-3:]) for part in (query, key, value))
        return attention(*joined).reshape(*lead, *query.shape[-3:-1], value.shape[-1])
    plain = value.dtype == torch.bfloat16 and value.device.type == "cpu"
    plain = plain and query.shape[-2] * key.shape[-2] <= PLAIN_TOKENS**2
    if not plain:
        return F.scaled_dot_product_attention(query, key, value)
    weights = torch.softmax(query * key.shape[-1] ** -0.5 @ key.transpose(-2, -1), dim=-1)
    return weights.to(value.dtype) @ value


def keep_freed_memory() -> bool:
    """Have this process keep the memory it frees for its next tensors; returns whether that could be done.

    glibc hands large blocks back to the system at once and gets them again, page by page, at the next step: a
    tenth of the time of a training step on a CPU. For long work of one shape: nothing returns before the end.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    never_map, never_trim = (-4, 0), (-1, 2**31 - 1)  # M_MMAP_MAX, M_TRIM_THRESHOLD of malloc.h
    return mallopt is not None and all([mallopt(*never_map) == 1, mallopt(*never_trim) == 1])


def this_process() -> int:
    """Number of the process that asks."""
    return os.getpid()


def refuse_after_fork(loaded_in: int) -> None:
    """Refuse to compute with what another process loaded: threads of torch do not survive a fork, it hangs.

    Args:
        loaded_in: number of the process that loaded it.

    Raises:
        DeviceError: saying what to do.
    """
    if this_process() != loaded_in:
        raise DeviceError(
            "this process was forked after the system was loaded, where torch hangs: load it in each process,"
            ' or start them with multiprocessing.get_context("spawn")'
        )


def describe_machine() -> dict[str, str]:
    """What this machine is, in words, for reports: torch, device, cores."""
    device = available_devices()[0]
    name = torch.cuda.get_device_name(0) if device == "cuda" else device
    return {"torch": torch.__version__, "device": name, "cores": str(core_count())}
