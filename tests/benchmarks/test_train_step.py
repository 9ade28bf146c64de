"""The step-cost bench: every objective is timed beside flow matching, on the real network."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch
from scripts_by_path import load_script


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return load_script("benchmarks/train_step.py")


def test_it_prints_ratios_to_flow_matching(bench, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every objective, on a narrow network of the embedded kind; the next test has the real one."""
    whole = bench.network_config
    narrow = {"hidden": 32, "heads": 1, "joint_blocks": 1, "fused_blocks": 1}
    monkeypatch.setattr(bench, "network_config", lambda size: whole(size).change(narrow))
    found = bench.main(["--size", "tiny", "--batch", "4", "--repeats", "1", "--clip_seconds", "1"])
    assert {"flow matching", "ours", "meanflow jvp", "ours, Algorithm 1 literally"} <= set(found)
    assert all(seconds > 0 for seconds, _ in found.values())
    text = capsys.readouterr().out
    assert "| flow matching |" in text and "| 1.00 |" in text


def test_some_objectives_only(bench, capsys) -> None:
    words = ["--size", "tiny", "--batch", "2", "--repeats", "1", "--clip_seconds", "1", "--only"]
    assert list(bench.main([*words, "split meanflow"])) == ["flow matching", "split meanflow"]
    with pytest.raises(SystemExit):
        bench.main([*words, "splitmeanflow"])
    assert "no objective 'splitmeanflow'" in capsys.readouterr().err


def test_batches_have_the_shapes_of_each_size(bench) -> None:
    config = bench.network_config("small_16k")
    data, conditions = bench.random_batch(config, "small_16k", 1, 8.0)
    assert data.shape == (1, 250, 20)
    assert conditions.semantic.shape == (1, 64, 1024) and conditions.sync.shape == (1, 192, 768)
    assert conditions.text.shape == (1, 77, 1024)


def test_memory_is_watched(bench) -> None:
    with bench.PeakWatcher(torch.device("cpu")) as watcher:
        block = torch.ones(20_000_000)
        assert float(block.sum()) > 0
        bench.time.sleep(0.05)
    assert watcher.peak > 40 * 2**20
