"""Small exact worlds for the objectives: a Gaussian whose flow map has a closed form, networks that count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType

import pytest
import torch
from scripts_by_path import load_script
from torch import Tensor, nn

from soundvcm.records import Conditions


@dataclass(frozen=True)
class GaussianFlow:
    """Data ~ N(mean, std^2 I): velocity and mean velocity in closed form (one division apart from s = t)."""

    mean: float = 0.7
    std: float = 0.4

    def sigma(self, t: Tensor) -> Tensor:
        return (t**2 + ((1 - t) * self.std) ** 2).sqrt()

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        t = t[:, None, None]
        slope = (t - (1 - t) * self.std**2) / self.sigma(t) ** 2
        return slope * (x - (1 - t) * self.mean) - self.mean

    def move(self, x: Tensor, t: Tensor, s: Tensor) -> Tensor:
        t, s = t[:, None, None], s[:, None, None]
        return (1 - s) * self.mean + self.sigma(s) / self.sigma(t) * (x - (1 - t) * self.mean)

    def __call__(
        self, x: Tensor, t: Tensor, s: Tensor, conditions: Conditions, guidance: Tensor | None = None
    ) -> Tensor:
        span = torch.where(t == s, 1.0, s - t)[:, None, None]
        average = (self.move(x, t, s) - x) / span
        return torch.where((t == s)[:, None, None], self.velocity(x, t), average)


class Net(nn.Module):
    """A small smooth random network of everything an objective may give; knows present from absent."""

    def __init__(self, channels: int = 3, hidden: int = 16) -> None:
        super().__init__()
        self.inner = nn.Linear(channels + 2 + 3 + 1, hidden)
        self.outer = nn.Linear(hidden, channels)

    def forward(
        self, x: Tensor, t: Tensor, s: Tensor, conditions: Conditions, guidance: Tensor | None = None
    ) -> Tensor:
        c = conditions
        semantic = torch.where(c.has_semantic, c.semantic.mean((1, 2)), -1.0)
        sync = torch.where(c.has_sync, c.sync.mean((1, 2)), -2.0)
        text = torch.where(c.has_text, c.text.mean((1, 2)), -3.0)
        scale = torch.ones_like(t) if guidance is None else guidance
        rows = torch.stack([t, t - s, semantic, sync, text, scale], 1).to(x.dtype)
        both = torch.cat([x, rows[:, None, :].expand(-1, x.shape[1], -1)], 2)
        return self.outer(torch.tanh(self.inner(both)))


@dataclass
class Counter:
    """Wraps a network and records each call: rows, and whether a gradient was kept."""

    network: Callable[..., Tensor]
    calls: list[tuple[int, bool]] = field(default_factory=list)
    seen: list[tuple[Tensor, Tensor, Conditions, Tensor | None]] = field(default_factory=list)

    def __call__(
        self, x: Tensor, t: Tensor, s: Tensor, conditions: Conditions, guidance: Tensor | None = None
    ) -> Tensor:
        self.calls.append((len(x), torch.is_grad_enabled()))
        self.seen.append((t, s, conditions, guidance))
        return self.network(x, t, s, conditions, guidance)


def make_conditions(batch: int, dtype: torch.dtype = torch.float32) -> Conditions:
    """Conditions with everything present and different numbers in each row."""
    draw = torch.Generator().manual_seed(5)
    semantic = torch.randn(batch, 2, 3, generator=draw, dtype=dtype)
    sync = torch.randn(batch, 4, 2, generator=draw, dtype=dtype)
    text = torch.randn(batch, 1, 5, generator=draw, dtype=dtype)
    return Conditions.of(semantic=semantic, sync=sync, text=text)


@pytest.fixture
def gaussian() -> GaussianFlow:
    return GaussianFlow()


@pytest.fixture
def make_net() -> Callable[..., Net]:
    def make(seed: int = 0, dtype: torch.dtype = torch.float32, **sizes: int) -> Net:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return Net(**sizes).to(dtype)

    return make


@pytest.fixture
def counter() -> type[Counter]:
    return Counter


@pytest.fixture
def conditions_of() -> Callable[..., Conditions]:
    return make_conditions


@pytest.fixture
def draw() -> Callable[..., Tensor]:
    """Numbers ~ N(0, 1) that depend on the seed alone."""

    def normal(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)

    return normal


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(11)


@pytest.fixture(scope="session")
def benchmark_file() -> Callable[[str], ModuleType]:
    """A benchmark or example loaded from its file, by its path below the root."""
    return load_script
