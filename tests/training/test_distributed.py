"""Two processes on gloo: the numbers of one, no row lost, one that is killed, one that is told to stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from training.parts import small_loop

from soundvcm.data.mixture import Mixture
from soundvcm.data.store import FeatureStore
from soundvcm.training import LoopConfig, latest_checkpoint, read_log
from soundvcm.training.checkpoint import read_checkpoint
from soundvcm.training.distributed import Team, is_lost_peer

WORKER = """
    import os, sys, time
    from pathlib import Path
    import torch
    from soundvcm.data.mixture import Mixture, MixtureConfig
    from soundvcm.data.store import FeatureStore
    from soundvcm.errors import TrainingError
    from soundvcm.objectives import VelocityConsistencyConfig, build
    from soundvcm.training import LoopConfig
    from soundvcm.training.distributed import team
    from training.parts import small_loop

    store, run, yaml, rows, pause = sys.argv[1:]
    torch.set_num_threads(1)
    config = LoopConfig.from_yaml(Path(yaml))
    mixture = Mixture([FeatureStore(store)], MixtureConfig(), rows=int(rows), seed=1)
    seen = Path(run + f".rank{os.environ['RANK']}")

    class Data:
        ids = staticmethod(mixture.ids)
        caption = staticmethod(mixture.caption)

        def batch(self, step, part=0, parts=1):
            batch = mixture.batch(step, part, parts)
            with seen.open("a") as file:
                file.write(f"{step} {part} {' '.join(batch.ids)}\\n")
            time.sleep(float(pause))
            return batch

    try:
        with team(torch.device("cpu")) as together:
            objective = build(VelocityConsistencyConfig())
            result = small_loop(config, Data(), Path(run), team=together, objective=objective).run()
            print("finished" if result.finished else f"stopped at {result.step}")
        code = 0
    except TrainingError as error:
        print(f"TrainingError: {error}")
        code = error.exit_code
    sys.stdout.flush()
    os._exit(code)  # as the command does: gloo's threads may abort the interpreter's end (-6)
"""


class Processes:
    """Two workers of one run, as torchrun would start them (its environment variables)."""

    def __init__(
        self, folder: Path, store: FeatureStore, config: LoopConfig, run: Path, pause: float = 0
    ) -> None:
        (folder / "worker.py").write_text(textwrap.dedent(WORKER))
        (folder / "loop.yaml").write_text(config.to_yaml())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        common = {
            "PYTHONPATH": os.pathsep.join(paths),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "WORLD_SIZE": "2",
        }
        words = [
            str(folder / "worker.py"),
            str(store.folder),
            str(run),
            str(folder / "loop.yaml"),
            str(config.rows),
        ]
        self.all = [
            subprocess.Popen(
                [sys.executable, *words, str(pause)],
                env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(2)
        ]

    def wait(self) -> list[tuple[int, str]]:
        found = []
        for process in self.all:
            out, err = process.communicate(timeout=800)
            found.append((process.returncode, out + err))
        return found


def wait_for_step(run: Path, step: int) -> None:
    deadline = time.monotonic() + 600
    while not any(row["step"] >= step for row in read_log(run, "train")):
        assert time.monotonic() < deadline, "the run does not get on"
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("rows", [8, 7])
def test_two_processes_give_the_numbers_of_one(
    store: FeatureStore, quick: LoopConfig, tmp_path: Path, rows: int
) -> None:
    """The same batch in the same two parts; also when it does not split evenly (7 rows: 3 and 4)."""
    from soundvcm.data.mixture import MixtureConfig
    from soundvcm.objectives import VelocityConsistencyConfig, build

    config = quick.change({"validation_steps": 0, "rows": rows, "log_steps": 1, "steps": 8})
    for code, words in Processes(tmp_path, store, config, tmp_path / "two").wait():
        assert code == 0 and "finished" in words, words
    mixture = Mixture([store], MixtureConfig(), rows=rows, seed=1)
    objective = build(VelocityConsistencyConfig())
    small_loop(config.change({"accumulate": 2}), mixture, tmp_path / "one", objective=objective).run()
    losses = {run: [row["loss"] for row in read_log(tmp_path / run, "train")] for run in ("one", "two")}
    assert len(losses["two"]) == 8 and losses["two"] == pytest.approx(losses["one"], rel=1e-5)
    one, two = (read_checkpoint(latest_checkpoint(tmp_path / run)) for run in ("one", "two"))
    for name in one.weights:
        torch.testing.assert_close(two.weights[name], one.weights[name], rtol=1e-4, atol=1e-6)
    taken: dict[int, list[str]] = {}
    for rank in range(2):
        for line in (tmp_path / f"two.rank{rank}").read_text().splitlines():
            step, _, *ids = line.split()
            taken.setdefault(int(step), []).extend(ids)
    assert {step: sorted(ids) for step, ids in taken.items()} == {s: sorted(mixture.ids(s)) for s in range(8)}


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_resume_at_two_processes_is_exact(store: FeatureStore, quick: LoopConfig, tmp_path: Path) -> None:
    config = quick.change({"validation_steps": 0, "steps": 8})
    Processes(tmp_path, store, config, tmp_path / "a").wait()
    stopped = Processes(tmp_path, store, config, tmp_path / "b", pause=0.3)
    wait_for_step(tmp_path / "b", 2)
    stopped.all[1].send_signal(signal.SIGTERM)  # one is told; all leave together, with the state saved
    for code, words in stopped.wait():
        assert code == 0 and "stopped at" in words, words
    assert latest_checkpoint(tmp_path / "b") is not None
    for code, words in Processes(tmp_path, store, config, tmp_path / "b").wait():
        assert code == 0 and "finished" in words, words
    a, b = (read_checkpoint(latest_checkpoint(tmp_path / run)) for run in "ab")
    for part in ("weights", "optimizer", "ema"):
        left, right = getattr(a, part), getattr(b, part)
        assert left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_a_killed_process_ends_the_run_in_words(
    store: FeatureStore, quick: LoopConfig, tmp_path: Path
) -> None:
    config = quick.change({"validation_steps": 0, "checkpoint_steps": 2, "steps": 500})
    processes = Processes(tmp_path, store, config, tmp_path / "run", pause=0.1)
    wait_for_step(tmp_path / "run", 4)
    processes.all[1].kill()
    (code, words), (killed, _) = processes.wait()
    assert killed == -signal.SIGKILL
    assert code == 3 and "lost another one" in words and "run the same command again" in words, words
    last = latest_checkpoint(tmp_path / "run")
    assert last is not None
    step = read_checkpoint(last).facts["step"]
    again = config.change({"steps": step + 2})
    for code, words in Processes(tmp_path, store, again, tmp_path / "run").wait():
        assert code == 0 and "finished" in words, words


def test_a_team_of_one_needs_no_torch_distributed() -> None:
    alone = Team()
    network = torch.nn.Linear(2, 2)
    assert alone.leads and alone.wrap(network) is network and alone.same("anything")
    assert alone.total(torch.ones(2)).tolist() == [1.0, 1.0]
    with alone.without_sync(network):
        alone.wait()


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("[gloo/transport/tcp/pair.cc:525] Connection closed by peer [127.0.0.1]:3", True),
        ("NCCL communicator was aborted on rank 0", True),
        ("Timed out waiting 600000ms for recv operation to complete", True),
        ("mat1 and mat2 shapes cannot be multiplied (8x6 and 7x2)", False),
        ("CUDA out of memory. Tried to allocate 2 GiB", False),
    ],
)
def test_other_errors_are_not_taken_for_a_lost_process(text: str, lost: bool) -> None:
    assert is_lost_peer(RuntimeError(text)) is lost


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_torchrun_as_the_page_says(store: FeatureStore, tmp_path: Path) -> None:
    """`torchrun --no-python -- soundvcm train ... --run R`: exit code 0, one run, one checkpoint.

    Without the two dashes torchrun takes --run for an ambiguous option of its own.
    """
    words = ["train", "paper", "loop.steps=2", "loop.rows=4", "loop.precision=fp32", "network.hidden=16"]
    words += ["network.heads=2", "network.joint_blocks=1", "network.fused_blocks=1", "network.latent_dim=6"]
    words += ["network.semantic_dim=5", "network.sync_dim=4", "network.text_dim=5", "network.text_tokens=1"]
    words += ["network.segment_tokens=0", "--store", str(store.folder), "--device", "cpu"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    run = ["torchrun", "--standalone", "--nproc-per-node=2", "--no-python", "--", "soundvcm", *words]
    done = subprocess.run(
        [*run, "--run", str(tmp_path / "two")], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    start = read_log(tmp_path / "two", "start")[0]
    assert start["processes"] == 2 and latest_checkpoint(tmp_path / "two") is not None
