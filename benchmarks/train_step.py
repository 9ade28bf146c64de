"""Cost of one training step of each objective, side by side: seconds and peak memory against flow matching.

The measurements alternate, so that a busy machine slows all of them alike; the median counts. "Literally" is
Algorithm 1 computed for every row, as the paper writes it.

    python benchmarks/train_step.py --size tiny --batch 16 --repeats 7 [--precision bf16]
    python benchmarks/train_step.py --size small_16k --batch 2 --clip_seconds 1 --repeats 1 --only ours
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from soundvcm.network import SIZES, NetworkConfig, VelocityNetwork
from soundvcm.objectives import LossTerms, Velocity, VelocityConsistencyConfig, build, config_of
from soundvcm.objectives.rows import draw_rows
from soundvcm.objectives.times import geometric
from soundvcm.records import Conditions
from soundvcm.runtime import describe_machine, threads
from soundvcm.timeline import Timeline
from soundvcm.training.watch import autocast

#: what is timed: name -> settings
OBJECTIVES: dict[str, dict[str, Any]] = {
    "flow matching": {"kind": "flow_matching"},
    "ours": {"kind": "vcm"},
    "ours, measured where needed": {"kind": "vcm", "precision": "needed"},
    "meanflow jvp": {"kind": "meanflow"},
    "meanflow central": {"kind": "meanflow", "derivative": "central"},
    "split meanflow": {"kind": "split_meanflow"},
}


def literal_vcm(
    config: VelocityConsistencyConfig,
    u: Velocity,
    frozen: Velocity,
    data: Tensor,
    conditions: Conditions,
    *,
    noise: Tensor | None = None,
    progress: float,
    generator: torch.Generator,
) -> LossTerms:
    """Algorithm 1 word for word: four passes on every row, used or not (fixed guidance, raw residual)."""
    rows = draw_rows(config, data, conditions, noise, generator)
    x, v, t, s, c = rows.noisy, rows.velocity, rows.t, rows.s, rows.conditions

    def column(row: Tensor) -> Tensor:
        return row[:, None, None]

    with torch.no_grad():
        v_uncond, v_guided = frozen(x, t, t, c.empty()), frozen(x, t, t, c)
        m, w = config.mix, config.guidance
        v_mix = m * (w * v + (1 - w) * v_uncond) + (1 - m) * v_guided
        v_mix = torch.where(column(c.is_empty | (t > config.guidance_until)), v, v_mix)
        share = geometric(config.lambda_start, config.lambda_end, progress)
        ahead = torch.maximum(torch.minimum(t + (s - t) * share, t - config.gap), s)
        share_of = torch.where(t > s, (ahead - t) / torch.where(t > s, s - t, 1.0), 1.0)
        u_ahead = frozen(x + column(ahead - t) * v_mix, ahead, s, c)
        target = column(share_of) * v_mix + column(1 - share_of) * u_ahead
    mse = (u(x, t, s, c) - target).square().mean((1, 2))
    loss = mse / (mse.detach() + config.epsilon) ** config.power
    return LossTerms(loss.mean(), {"loss": loss, "mse": mse.detach()})


def literal_meanflow(
    config: VelocityConsistencyConfig,
    u: Velocity,
    frozen: Velocity,
    data: Tensor,
    conditions: Conditions,
    *,
    noise: Tensor | None = None,
    progress: float,
    generator: torch.Generator,
) -> LossTerms:
    """MeanFlow as published: guidance passes and a JVP (gradient through its primal half) on every row."""
    rows = draw_rows(config, data, conditions, noise, generator)
    x, v, t, s, c = rows.noisy, rows.velocity, rows.t, rows.s, rows.conditions
    with torch.no_grad():
        v_uncond, v_guided = frozen(x, t, t, c.empty()), frozen(x, t, t, c)
        m, w = config.mix, config.guidance
        v_mix = m * (w * v + (1 - w) * v_uncond) + (1 - m) * v_guided
        v_mix = torch.where((c.is_empty | (t > config.guidance_until))[:, None, None], v, v_mix)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        now, slope = torch.func.jvp(
            lambda noisy, time: u(noisy, time, s, c), (x, t), (v_mix, torch.ones_like(t))
        )
    target = (v_mix - (t - s)[:, None, None] * slope).detach()
    mse = (now - target).square().mean((1, 2))
    loss = mse / (mse.detach() + config.epsilon) ** config.power
    return LossTerms(loss.mean(), {"loss": loss, "mse": mse.detach()})


def network_config(size: str) -> NetworkConfig:
    """A named size as a two-time network; "tiny" has the shapes of the embedded stack, 192 wide."""
    if size != "tiny":
        return SIZES[size].change({"second_time": "offset", "mirrored": False})
    return NetworkConfig(
        latent_dim=32, semantic_dim=192, sync_dim=40, text_dim=192, hidden=192, heads=3, joint_blocks=2,
        fused_blocks=4, text_tokens=1, segment_tokens=0, second_time="offset", mirrored=False,
    )  # fmt: skip


def random_batch(config: NetworkConfig, size: str, batch: int, seconds: float) -> tuple[Tensor, Conditions]:
    """Data and conditions of the right shapes, random numbers."""
    draw = torch.Generator().manual_seed(0)
    timeline = Timeline(seconds)
    semantic, sync, text = (
        (8, timeline.sync_frames, 1)
        if size == "tiny"
        else (timeline.semantic_frames, timeline.sync_tokens, config.text_tokens)
    )
    data = torch.randn(batch, timeline.latents, config.latent_dim, generator=draw)
    parts = {
        name: torch.randn(batch, length, width, generator=draw)
        for name, length, width in (
            ("semantic", semantic, config.semantic_dim),
            ("sync", sync, config.sync_dim),
            ("text", text, config.text_dim),
        )
    }
    return data, Conditions.of(**parts)


class PeakWatcher:
    """Peak memory of a block: the allocator's on a GPU, resident memory sampled each millisecond on a CPU."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.peak = device, 0
        self._running = False

    def __enter__(self) -> PeakWatcher:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            self._before = torch.cuda.memory_allocated(self.device)
            return self
        give_back_memory()
        self._before, self._running = resident_bytes(), True
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def _sample(self) -> None:
        while self._running:
            self.peak = max(self.peak, resident_bytes() - self._before)
            time.sleep(0.001)

    def __exit__(self, *_: object) -> None:
        if self.device.type == "cuda":
            self.peak = torch.cuda.max_memory_allocated(self.device) - self._before
            return
        self._running = False
        self._thread.join()


def give_back_memory() -> None:
    """Return freed heap to the system (glibc), so that resident memory shows what the next block needs."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def resident_bytes() -> int:
    """Resident memory of this process, bytes (Linux)."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def measure(
    steps: dict[str, Callable[[torch.Generator], LossTerms]],
    network: torch.nn.Module,
    repeats: int,
    device: torch.device,
) -> dict[str, tuple[float, float]]:
    """Median seconds and greatest extra memory (MB) of each forward and backward, taken in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    memory: dict[str, int] = dict.fromkeys(steps, 0)
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    for turn in range(repeats + 1):
        for name, step in steps.items():
            network.zero_grad(set_to_none=True)
            with PeakWatcher(device) as watcher:
                began = clock()
                step(torch.Generator().manual_seed(turn)).loss.backward()
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                took = clock() - began
            if turn:  # the first turn warms up
                seconds[name].append(took)
                memory[name] = max(memory[name], watcher.peak)
    return {name: (statistics.median(seconds[name]), memory[name] / 2**20) for name in steps}


def main(arguments: list[str] | None = None) -> dict[str, tuple[float, float]]:
    """Measure and print a table; returns seconds and MB by objective."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="tiny", choices=["tiny", *SIZES])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--clip_seconds", type=float, default=8.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="these objectives beside flow matching; all if left out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"], help="bf16: under autocast")
    given = parser.parse_args(arguments)
    device, config = torch.device(given.device), network_config(given.size)
    torch.manual_seed(0)
    network = VelocityNetwork(config).to(device)
    data, conditions = random_batch(config, given.size, given.batch, given.clip_seconds)
    data, conditions = data.to(device), conditions.to(device)

    def step_of(objective: Any) -> Callable[[torch.Generator], LossTerms]:
        def step(draws: torch.Generator) -> LossTerms:
            with autocast(device, given.precision):
                terms: LossTerms = objective(
                    network, network, data, conditions, progress=0.5, generator=draws
                )
            return terms

        return step

    paper = VelocityConsistencyConfig()
    steps = {name: step_of(build(config_of(values))) for name, values in OBJECTIVES.items()}
    steps["ours, Algorithm 1 literally"] = step_of(lambda *a, **k: literal_vcm(paper, *a, **k))
    steps["meanflow jvp, as published"] = step_of(lambda *a, **k: literal_meanflow(paper, *a, **k))
    if given.only is not None:
        unknown = sorted(set(given.only) - set(steps))
        if unknown:
            parser.error(f"no objective {unknown[0]!r}; there are: {', '.join(steps)}")
        steps = {name: steps[name] for name in steps if name in ("flow matching", *given.only)}
    with threads(given.threads):
        found = measure(steps, network, given.repeats, device)
    base_seconds, base_memory = found["flow matching"]
    what = f"size {given.size}, batch {given.batch}, {given.clip_seconds:g} s clips, {given.precision}"
    print(f"{describe_machine()} {what}\n")
    print("| objective | seconds | ratio | peak MB | ratio |\n|---|---|---|---|---|")
    for name, (seconds, memory) in found.items():
        ratios = f"{seconds / base_seconds:.2f} | {memory:.0f} | {memory / max(base_memory, 1e-9):.2f}"
        print(f"| {name} | {seconds:.3f} | {ratios} |")
    return found


if __name__ == "__main__":
    main()
