"""FSDP2 on two gloo processes: the numbers of one, and checkpoints that any number of processes takes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from soundvcm.data.store import FeatureStore
from soundvcm.errors import OptionError
from soundvcm.network import VelocityNetwork
from soundvcm.objectives import FlowMatchingConfig, MeanFlowConfig
from soundvcm.training import TrainingConfig, View, export, latest_checkpoint, read_log, train
from soundvcm.training.checkpoint import read_checkpoint
from soundvcm.training.distributed import Team, local, part_of, whole
from soundvcm.training.ema import list_snapshots
from soundvcm.training.logbook import SilentLogbook
from soundvcm.training.setup import _objective

WORKER = """
    import os, sys
    from pathlib import Path
    import torch
    from soundvcm.training import TrainingConfig, train

    store, run, yaml = sys.argv[1:]
    torch.set_num_threads(1)

    def count(view):  # every process is asked; only one leads; all see whole averages where they should
        state = {name: tuple(value.shape) for name, value in view.weights().items()}
        line = f"{os.environ['RANK']} {view.step} {view.leads} {len(state)} {sum(map(len, state.values()))}"
        print(f"hook {line}", flush=True)

    result = train(TrainingConfig.from_yaml(Path(yaml)), [store], Path(run), device="cpu", hooks=[count])
    print("finished" if result.finished else f"stopped at {result.step}", torch.distributed.is_initialized())
    sys.stdout.flush()
    os._exit(0)  # threads of gloo may abort the interpreter's own end, after all that is tested
"""


def two_processes(folder: Path, store: FeatureStore, config: TrainingConfig, run: str) -> list[str]:
    """Train with two processes, as torchrun would start them; what each of them printed."""
    (folder / "worker.py").write_text(textwrap.dedent(WORKER))
    (folder / "run.yaml").write_text(config.to_yaml())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    words = [sys.executable, "worker.py", str(store.folder), str(folder / run), "run.yaml"]
    running = [
        subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    texts = [process.communicate(timeout=800) for process in running]
    for process, (out, err) in zip(running, texts, strict=True):
        assert process.returncode == 0 and "finished False" in out, out + err
    return [out for out, _ in texts]


def compare(one: Path, other: Path, steps: int) -> None:
    """Losses, gradient norms, validation, weights, moments and averages of two runs, up to rounding."""
    for event, name in (("train", "loss"), ("train", "gradient_norm"), ("validation", "mse")):
        left, right = ([row[name] for row in read_log(run, event)] for run in (one, other))
        assert left == pytest.approx(right, rel=1e-4) and (event != "train" or len(left) == steps)
    a, b = (read_checkpoint(latest_checkpoint(run)) for run in (one, other))
    for part in ("weights", "optimizer", "ema"):
        left, right = getattr(a, part), getattr(b, part)
        assert left.keys() == right.keys() and left
        for name in left:
            torch.testing.assert_close(left[name], right[name], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_two_parts_of_a_network_train_as_one_and_checkpoints_fit_any_number(
    store: FeatureStore, config: TrainingConfig, tmp_path: Path
) -> None:
    """Six steps shared out by two; then the same checkpoint by one process, and one's checkpoint by two."""
    changes = {"loop.steps": 6, "loop.rows": 7, "loop.log_steps": 1, "loop.validation_steps": 3}
    config = config.change({**changes, "loop.checkpoint_steps": 3, "loop.snapshot_steps": 3})
    shared = config.change({"loop.processes": "fsdp"})
    alone = config.change({"loop.accumulate": 2})
    printed = two_processes(tmp_path, store, shared, "fsdp")
    train(alone, [store], tmp_path / "one", device="cpu")
    compare(tmp_path / "fsdp", tmp_path / "one", 6)

    hooks = [[line.split()[1:] for line in out.splitlines() if line.startswith("hook")] for out in printed]
    tensors = len(VelocityNetwork(config.network).state_dict())
    for rank, lines in enumerate(hooks):
        assert [line[:3] for line in lines] == [[str(rank), step, str(rank == 0)] for step in ("3", "6")]
        assert all(int(line[3]) == (tensors if rank == 0 else 0) for line in lines)
    snapshots = [
        [(s.updates, s.sigma_rel) for s in list_snapshots(tmp_path / run)] for run in ("fsdp", "one")
    ]
    assert snapshots[0] == snapshots[1] and len(snapshots[0]) == 4

    more = {"loop.steps": 8}
    train(alone.change(more), [store], tmp_path / "fsdp", device="cpu")  # one process goes on from two
    two_processes(tmp_path, store, shared.change(more), "one")  # and two from one
    compare(tmp_path / "fsdp", tmp_path / "one", 8)
    header = export(tmp_path / "one", tmp_path / "w.safetensors", about={"licence": "MIT"})
    assert header["updates"] == "8"


def test_what_is_not_shared_out_is_left_alone() -> None:
    value = torch.arange(6.0).reshape(3, 2)
    assert local(value) is value and part_of(value, torch.zeros(3, 2)) is value
    assert whole({"a": value})["a"] is value and whole({"a": value}, keep=False) == {}
    network, alone = torch.nn.Linear(2, 2), Team(shards=True)
    alone.place(network)
    assert not alone.shards and not hasattr(network, "reshard")
    assert float(alone.norm([torch.full((4,), 3.0), torch.full((1,), 8.0)])) == 10.0


def test_objectives_make_the_same_calls_or_are_refused(config: TrainingConfig) -> None:
    together = Team(0, 2, shards=True)
    assert together.shards and not config.objective.equal_calls
    assert _objective(config, together).equal_calls and not _objective(config, Team()).equal_calls
    plain = config.model_copy(update={"objective": FlowMatchingConfig()})
    assert _objective(plain, together) == plain.objective
    forward_mode = config.model_copy(update={"objective": MeanFlowConfig()})
    assert _objective(forward_mode, Team()) == forward_mode.objective
    with pytest.raises(OptionError, match="objective.derivative=central"):
        _objective(forward_mode, together)


def test_a_view_gives_weights_for_another_network(
    store: FeatureStore, config: TrainingConfig, tmp_path: Path
) -> None:
    given = []

    def hook(view: View) -> None:
        other = VelocityNetwork(config.network)
        other.load_state_dict(view.weights())
        with view.averaged() as network:
            assert all(
                torch.equal(a, b) for a, b in zip(other.parameters(), network.parameters(), strict=True)
            )
        given.append(view.step)

    train(config.change({"loop.steps": 2}), [store], tmp_path / "run", device="cpu", hooks=[hook])
    assert given == [2]


def test_the_silent_logbook_writes_nothing(tmp_path: Path) -> None:
    book = SilentLogbook(tmp_path / "run")
    book.write("train", 1, {"loss": 1.0})
    book.audio("a", 1, torch.zeros(3), 16_000)
    book.image("a", 1, torch.zeros(3, 2, 2))
    book.close()
    assert list(tmp_path.iterdir()) == []
