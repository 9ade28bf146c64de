"""Averages on files and live weights; the golden numbers of edm2 and nitrous-ema are in
tests/parity/ema.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from soundvcm.errors import OptionError, WeightsError
from soundvcm.training import ema

GOLDEN = Path(__file__).parents[1] / "golden"
EXAMPLE = np.load(GOLDEN / "phema_example.npz")
SEQUENCE = torch.from_numpy(EXAMPLE["sequence"])
SNAPSHOTS = list(zip(EXAMPLE["snapshot_t"].tolist(), EXAMPLE["snapshot_sigma"].tolist(), strict=True))


def close(got: object, wanted: object, tolerance: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(got), np.asarray(wanted), rtol=tolerance, atol=tolerance)


def track(
    sigmas: list[float], times: list[int], kind: ema.Kind = "edm2"
) -> dict[tuple[float, int], torch.Tensor]:
    """Averages of the golden sequence at the given times."""
    live = torch.zeros(5, dtype=torch.float64)
    averages = ema.EmaProfiles({"w": live}, sigmas, kind)
    found = {}
    for step, value in enumerate(SEQUENCE, start=1):
        live.copy_(value)
        averages.update()
        if step in times:
            found |= {(s, step): averages.averages[s]["w"].clone() for s in sigmas}
    return found


def test_width_and_exponent() -> None:
    for sigma in (0.01, 0.05, 0.1, 0.28):
        close(ema.sigma_of(ema.gamma_of(sigma)), sigma)
    assert round(ema.gamma_of(0.05), 2) == 16.97 and round(ema.gamma_of(0.10), 2) == 6.94
    for bad in (0.0, 0.3, -1.0):
        with pytest.raises(OptionError, match=r"use 0.01 to 0.28"):
            ema.gamma_of(bad)


def write_run(folder: Path) -> Path:
    """Snapshot files of the golden sequence, as a run would leave them."""
    live = SEQUENCE[0].clone()
    averages = ema.EmaProfiles({"w": live}, [0.05, 0.1])
    for step, value in enumerate(SEQUENCE, start=1):
        live.copy_(value)
        averages.update()
        if step % 50 == 0:
            ema.write_snapshots(folder, averages, torch.float64, {"constant": torch.tensor([step, 7])})
    return folder


def test_synthesis_from_files(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    assert [(s.updates, s.sigma_rel) for s in ema.list_snapshots(run)] == SNAPSHOTS
    for k, sigma in enumerate(EXAMPLE["target_sigma"].tolist()):
        weights, facts = ema.synthesise(run, sigma)
        close(weights["w"], np.float32(EXAMPLE["edm2_reconstructed"][k]), 1e-7)
        assert weights["w"].dtype == torch.float32 and facts["updates"] == 200
        assert weights["constant"].tolist() == [200, 7], "buffers are no average"
        raw, _ = ema.synthesise(run, sigma, kind="nitrous")
        close(raw["w"], np.float32(raw_sum(sigma)), 1e-7)


def raw_sum(sigma: float) -> np.ndarray:
    weights = ema.solve_weights(*zip(*SNAPSHOTS, strict=True), 200, sigma, kind="nitrous")
    return weights @ EXAMPLE["edm2_snapshots"]


def test_synthesis_of_a_tracked_width_is_that_snapshot(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    for k, (updates, sigma) in enumerate(SNAPSHOTS):
        weights, facts = ema.synthesise(run, sigma, updates=updates)
        close(weights["w"], np.float32(EXAMPLE["edm2_snapshots"][k]), 1e-7)
        assert facts["snapshots"] <= 2 * (updates // 50), "later snapshots are not used"


def test_more_snapshots_bring_the_true_average_nearer() -> None:
    """The point of it: any width afterwards. 2 widths, a snapshot every 10 updates: 1e-3 of the true one."""
    times = list(range(10, 201, 10))
    got = track([0.05, 0.1], times)
    pairs = [(t, s) for t in times for s in (0.05, 0.1)]
    weights = ema.solve_weights([t for t, _ in pairs], [s for _, s in pairs], 200, 0.075)
    rebuilt = sum(w * got[s, t] for w, (t, s) in zip(weights, pairs, strict=True))
    true = torch.from_numpy(EXAMPLE["edm2_true_direct"][2])
    assert float((rebuilt - true).abs().max()) < 1e-3 * float(true.abs().max())


def test_nothing_to_average(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no snapshot to average"):
        ema.synthesise(tmp_path, 0.05)
    run = write_run(tmp_path / "run")
    with pytest.raises(WeightsError, match="no snapshot"):
        ema.synthesise(run, 0.05, updates=49)
    with pytest.raises(OptionError, match="out of range"):
        ema.synthesise(run, 0.4)


def test_swapped_puts_the_live_weights_back() -> None:
    live = torch.nn.Parameter(torch.zeros(2))
    averages = ema.EmaProfiles({"w": live}, [0.05, 0.1])
    averages.update()
    with torch.no_grad():
        live.fill_(1.0)
    averages.update()
    with averages.swapped():
        assert torch.equal(live, averages.averages[0.05]["w"]) and 0 < live.tolist()[0] < 1
    assert live.tolist() == [1.0, 1.0]
    with pytest.raises(ZeroDivisionError), averages.swapped(0.1):
        _ = 1 / 0
    assert live.tolist() == [1.0, 1.0]
    with pytest.raises(OptionError, match=r"tracked: 0.05, 0.1"), averages.swapped(0.2):
        pass


def test_state_comes_back_exactly() -> None:
    live = torch.randn(3, generator=torch.Generator().manual_seed(0))
    one, other = (ema.EmaProfiles({"w": live}, [0.05, 0.1]) for _ in range(2))
    for _ in range(3):
        live.add_(1)
        one.update()
    other.load(one.state(), one.updates)
    assert other.updates == 3 and all(torch.equal(one.state()[k], other.state()[k]) for k in one.state())
    with pytest.raises(WeightsError, match="sigma_rels was changed"):
        ema.EmaProfiles({"w": live}, [0.07]).load(one.state(), 3)
