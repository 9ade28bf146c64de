"""Power-function averages of the weights, tracked during training and recombined to any width afterwards.

Karras et al. 2024 ("Analyzing and improving the training dynamics of diffusion models"), section 3 and
appendix C.
The profile of width sigma_rel weights the parameters of update tau by tau^gamma. Knows tensors by name;
nothing of
networks or of the loop.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from soundvcm.errors import OptionError, WeightsError
from soundvcm.training.distributed import local, part_of, whole

WIDEST = 12**-0.5  # sigma_rel of gamma = 0, the plain average of all updates
Kind = Literal["edm2", "nitrous"]


def gamma_of(sigma_rel: float) -> float:
    """Exponent of the profile of relative width `sigma_rel` (Karras et al., eq. 123 solved for gamma).

    Raises:
        OptionError: outside 0 < sigma_rel < 0.2887.
    """
    if not 0 < sigma_rel < WIDEST:
        raise OptionError(f"EMA width sigma_rel {sigma_rel:g} is out of range: use 0.01 to 0.28")
    inverse = sigma_rel**-2
    return float(np.roots([1, 7, 16 - inverse, 12 - inverse]).real.max())


def sigma_of(gamma: float) -> float:
    """Relative width of the profile with exponent `gamma` (eq. 123)."""
    return float(np.sqrt((gamma + 1) / ((gamma + 2) ** 2 * (gamma + 3))))


def beta_at(update: int, gamma: float, kind: Kind = "edm2") -> float:
    """Share of the old average kept at update number `update`, from 1 (eq. 127).

    "edm2": (1 - 1/n)^(1 + gamma), so the first update copies. "nitrous", the variant behind MMAudio's
    published
    averages: a copy before the first update, then (1 - 1/(n + 1))^(1 + gamma).
    """
    n = update if kind == "edm2" else update + 1
    return float((1 - 1 / n) ** (1 + gamma))


def profile_products(
    updates_a: Sequence[float],
    gammas_a: Sequence[float],
    updates_b: Sequence[float],
    gammas_b: Sequence[float],
) -> np.ndarray:
    """Inner products [a, b] of profiles that end at the given updates (Karras et al., appendix C, algorithm
    3).
    """
    ta, ga = np.asarray(updates_a, np.float64)[:, None], np.asarray(gammas_a, np.float64)[:, None]
    tb, gb = np.asarray(updates_b, np.float64)[None], np.asarray(gammas_b, np.float64)[None]
    exponent = np.where(ta < tb, gb, -ga)
    products: np.ndarray = (ga + 1) * (gb + 1) * (ta / tb) ** exponent / ((ga + gb + 1) * np.maximum(ta, tb))
    return products


def solve_weights(
    updates: Sequence[float],
    sigma_rels: Sequence[float],
    target_update: float,
    target_sigma: float,
    *,
    kind: Kind = "edm2",
) -> np.ndarray:
    """Weights [snapshots] whose sum of snapshots is nearest to the wanted profile (algorithm 3).

    "edm2" divides them by their sum, so that they average; "nitrous" leaves them as solved.
    """
    gammas = [gamma_of(sigma) for sigma in sigma_rels]
    among = profile_products(updates, gammas, updates, gammas)
    wanted = profile_products(updates, gammas, [target_update], [gamma_of(target_sigma)])
    weights: np.ndarray = np.linalg.solve(among, wanted)[:, 0]
    return weights / weights.sum() if kind == "edm2" else weights


class EmaProfiles:
    """Averages of the same parameters at several widths, updated together.

    Args:
        parameters: name -> parameter; the averages live on the same device in the same format, and are shared
            out over the processes where the parameters are.
        sigma_rels: the widths.
        kind: see `beta_at`.

    Attributes:
        updates: how often `update` was called.
        averages: width -> name -> average.
    """

    def __init__(
        self, parameters: Mapping[str, Tensor], sigma_rels: Sequence[float], kind: Kind = "edm2"
    ) -> None:
        self.gammas = {sigma: gamma_of(sigma) for sigma in sigma_rels}
        self.kind: Kind = kind
        self.updates = 0
        self._live = dict(parameters)
        self.averages = {
            sigma: {name: value.detach().clone() for name, value in parameters.items()}
            for sigma in sigma_rels
        }

    @torch.no_grad()
    def update(self) -> None:
        """Take in the parameters as they are now."""
        self.updates += 1
        live = [local(value.detach()) for value in self._live.values()]
        for sigma, gamma in self.gammas.items():
            keep = 0.0 if self.updates == 1 else beta_at(self.updates, gamma, self.kind)  # the first copies
            torch._foreach_lerp_([local(value) for value in self.averages[sigma].values()], live, 1 - keep)

    def average(self, sigma_rel: float | None = None) -> dict[str, Tensor]:
        """The average of a tracked width (default: the first).

        Raises:
            OptionError: if that width is not tracked.
        """
        part = self.averages.get(next(iter(self.averages), 0.0) if sigma_rel is None else sigma_rel)
        if part is None:
            known = ", ".join(f"{sigma:g}" for sigma in self.averages) or "none"
            raise OptionError(f"no average of width {sigma_rel} is tracked (tracked: {known})")
        return part

    def follower(self, network: nn.Module) -> nn.Module:
        """A copy of the network whose weights are the first average, now and after every update.

        Raises:
            OptionError: if no average is tracked.
        """
        average, copied = self.average(), copy.deepcopy(network)
        for name, parameter in copied.named_parameters():
            parameter.requires_grad_(False).data = average.get(name, parameter.data)
        return copied

    def taken(self, network: nn.Module) -> nn.Module:
        """A copy of the network whose weights are the first average as it is now, and stay so.

        Raises:
            OptionError: if no average is tracked.
        """
        copied = self.follower(network)
        for parameter in copied.parameters():
            parameter.data = parameter.data.clone()
        return copied

    @contextmanager
    def swapped(self, sigma_rel: float | None = None) -> Iterator[None]:
        """The live parameters hold the average of a tracked width (default: the first) inside the block.

        Raises:
            OptionError: if that width is not tracked.
        """
        part = self.average(sigma_rel)
        before = {name: value.detach().clone() for name, value in self._live.items()}
        self._fill(part)
        try:
            yield
        finally:
            self._fill(before)

    @torch.no_grad()
    def _fill(self, values: Mapping[str, Tensor]) -> None:
        for name, value in self._live.items():
            local(value.detach()).copy_(local(values[name]))

    def state(self) -> dict[str, Tensor]:
        """All averages as flat names "SIGMA/parameter", for a checkpoint."""
        return {
            f"{sigma:g}/{name}": value
            for sigma, part in self.averages.items()
            for name, value in part.items()
        }

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor], updates: int) -> None:
        """Take up saved averages.

        Raises:
            WeightsError: if a width or a parameter is missing.
        """
        for sigma, part in self.averages.items():
            for name, value in part.items():
                saved = state.get(f"{sigma:g}/{name}")
                if saved is None or saved.shape != value.shape:
                    raise WeightsError(
                        f"the checkpoint has no average of width {sigma:g} for {name}: sigma_rels was changed"
                    )
                local(value).copy_(local(part_of(saved, value)))
        self.updates = updates


@dataclass(frozen=True)
class Snapshot:
    """One saved average: file, number of updates it has seen, width."""

    path: Path
    updates: int
    sigma_rel: float


def _snapshot_folder(run_dir: Path) -> Path:
    """Where the snapshots of a run are."""
    return Path(run_dir) / "snapshots"


def write_snapshots(
    run_dir: Path,
    ema: EmaProfiles,
    dtype: torch.dtype,
    buffers: Mapping[str, Tensor],
    *,
    write: bool = True,
) -> list[Path]:
    """Write the average of every width (with the network's buffers); returns the files.

    Present ones are replaced. `write=False` only takes part in gathering averages that are shared out.
    """
    folder = _snapshot_folder(run_dir)
    if write:
        folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    facts = {"updates": ema.updates, "kind": ema.kind, "buffers": sorted(buffers)}
    for sigma, shared in ema.averages.items():
        part = whole(shared, keep=write)
        if not write:
            continue
        path = folder / f"{sigma:g}-{ema.updates:08d}.safetensors"
        tensors = {name: value.detach().to("cpu", dtype).contiguous() for name, value in part.items()}
        tensors |= {name: value.detach().cpu().contiguous() for name, value in buffers.items()}
        beside = path.with_name(f".{path.name}")
        save_file(tensors, beside, {"soundvcm": json.dumps(facts | {"sigma_rel": sigma})})
        beside.replace(path)
        written.append(path)
    return written


def kept_updates(updates: Sequence[int], keep: int) -> list[int]:
    """Which moments to keep: while there are too many, the one goes whose neighbours are closest together.

    The first and the last always stay. 24 of 60 give widths from 0.05 to 0.2 within 1.4 % of their profile.
    """
    left = sorted(set(updates))
    while len(left) > max(keep, 2):
        gaps = [left[k + 1] - left[k - 1] for k in range(1, len(left) - 1)]
        del left[1 + gaps.index(min(gaps))]
    return left


def prune_snapshots(run_dir: Path, keep: int) -> None:
    """Remove snapshots of a run beyond `keep` moments; see `kept_updates`."""
    found = list_snapshots(run_dir)
    staying = set(kept_updates([snapshot.updates for snapshot in found], keep))
    for snapshot in found:
        if snapshot.updates not in staying:
            snapshot.path.unlink()


def list_snapshots(run_dir: Path) -> list[Snapshot]:
    """Snapshots of a run in order of updates, then width."""
    found = []
    for path in _snapshot_folder(run_dir).glob("[0-9]*.safetensors"):
        with safe_open(path, "pt") as file:
            facts = _facts(file)
        found.append(Snapshot(path, int(facts["updates"]), float(facts["sigma_rel"])))
    return sorted(found, key=lambda snapshot: (snapshot.updates, snapshot.sigma_rel))


def synthesise(
    run_dir: Path, sigma_rel: float, *, updates: int | None = None, kind: Kind = "edm2"
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights averaged with any width, from the snapshots of a run.

    Args:
        run_dir: folder of the run.
        sigma_rel: wanted width.
        updates: end of the average, default the last snapshot; later snapshots are not used (nitrous uses
            all).
        kind: see `beta_at`.

    Returns:
        float32 weights by name, and facts: sigma_rel, updates, snapshots used, tracked widths.

    Raises:
        OptionError: for a width out of range.
        WeightsError: if there is no snapshot up to `updates`.
    """
    gamma_of(sigma_rel)
    found = [
        s for s in list_snapshots(run_dir) if updates is None or s.updates <= updates or kind == "nitrous"
    ]
    if not found:
        raise WeightsError(
            f"{_snapshot_folder(run_dir)} holds no snapshot to average: train first, or further"
        )
    end = updates if updates is not None else found[-1].updates
    weights = solve_weights(
        [s.updates for s in found], [s.sigma_rel for s in found], end, sigma_rel, kind=kind
    )
    # Old snapshots get weights such as 1e-30: leaving them unread changes nothing that a float holds.
    used = [(s, float(w)) for s, w in zip(found, weights, strict=True) if abs(w) > 1e-14]
    total: dict[str, Tensor] = {}
    for snapshot, weight in used:
        with safe_open(snapshot.path, "pt") as file:
            constants = set(_facts(file)["buffers"])
            for name in file.keys():
                scaled = file.get_tensor(name).double() * (1.0 if name in constants else weight)
                total[name] = total[name] + scaled if name in total and name not in constants else scaled
    facts = {
        "sigma_rel": sigma_rel,
        "updates": end,
        "snapshots": len(used),
        "tracked": sorted({s.sigma_rel for s in found}),
    }
    return {name: value.float() for name, value in total.items()}, facts


def _facts(file: Any) -> dict[str, Any]:
    # One entry only: safetensors writes several in no fixed order, and equal runs should give equal bytes.
    facts: dict[str, Any] = json.loads(file.metadata()["soundvcm"])
    return facts
