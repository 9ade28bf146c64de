"""The same function over many tasks on a local Ray cluster: nothing is lost and nothing done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from soundvcm import clusters
from soundvcm.errors import ClusterError, MissingExtraError, OptionError


@pytest.fixture
def ray() -> Iterator[None]:
    pytest.importorskip("ray", reason="needs the extra [ray]")
    yield


def starting(
    folder: Path, deadly: tuple[int, ...], always: bool = False
) -> Callable[[], Callable[[int], str]]:
    """A start for workers; a process that gets a deadly task dies in the middle of it, once or always."""

    def start() -> Callable[[int], str]:
        (folder / f"start-{os.getpid()}").touch()

        def work(task: int) -> str:
            with (folder / f"began-{task}").open("a") as file:
                file.write("x")
            if task < 0:
                raise ValueError(f"nothing below 0: {task}")
            mark = folder / f"died-{task}"
            if task in deadly and (always or not mark.exists()):
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.05)
            return f"{task}!"

        return work

    return start


@pytest.mark.slow
@pytest.mark.timeout(1200)  # each starts a cluster, which takes a minute where the cores are busy
@pytest.mark.usefixtures("ray")
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
class TestTwoLocalWorkers:
    def test_a_killed_worker_costs_nothing(self, tmp_path: Path) -> None:
        tasks = [10, 11, -5, 13, 14, 15, 16, 17]
        start = starting(tmp_path, deadly=(11, 15))
        answers = list(clusters.spread(start, tasks, address="local", workers=2))
        assert sorted(answer.number for answer in answers) == list(range(8))  # each once
        by_place = {answer.number: answer for answer in answers}
        assert [by_place[k].result for k in (0, 1, 3, 4, 5, 6, 7)] == [f"{t}!" for t in tasks if t > 0]
        assert by_place[2].result is None and by_place[2].error == "ValueError: nothing below 0: -5"
        assert by_place[1].tries == by_place[5].tries == 2 and by_place[0].tries == by_place[2].tries == 1
        begun = {task: (tmp_path / f"began-{task}").stat().st_size for task in tasks}
        assert begun == {task: 2 if task in (11, 15) else 1 for task in tasks}
        assert len(list(tmp_path.glob("start-*"))) == 4  # two, and one after each death; not one a task

    def test_a_task_that_always_kills_fails_alone(self, tmp_path: Path) -> None:
        start = starting(tmp_path, deadly=(2,), always=True)
        answers = {
            a.number: a for a in clusters.spread(start, [1, 2, 3], address="local", workers=1, tries=2)
        }
        assert [answers[k].result for k in range(3)] == ["1!", None, "3!"]
        assert answers[1].error == "the process died each of the 2 times it was tried"
        assert (tmp_path / "began-2").stat().st_size == 2

    def test_leaving_early_ends_the_processes(self, tmp_path: Path) -> None:
        answers = clusters.spread(starting(tmp_path, ()), list(range(40)), address="local", workers=2)
        next(answers)
        answers.close()
        import ray as module

        assert not module.is_initialized()
        assert len(list(tmp_path.glob("began-*"))) < 40

    def test_a_start_that_fails_ends_the_run(self) -> None:
        def start() -> Callable[[int], int]:
            raise OptionError("no such model")

        with pytest.raises(ClusterError, match="cannot begin: no such model"):
            list(clusters.spread(start, [1], address="local", workers=1))

    def test_no_gpu_to_take(self, tmp_path: Path) -> None:
        import torch

        if torch.cuda.is_available():
            pytest.skip("there is one")
        with pytest.raises(ClusterError, match="device cuda"):
            list(clusters.spread(starting(tmp_path, ()), [1], address="local", workers=1, device="cuda"))

    def test_nobody_at_the_address(self, tmp_path: Path) -> None:
        with pytest.raises(ClusterError, match="--head"):
            list(clusters.spread(starting(tmp_path, ()), [1], address="auto"))


def test_shares_of_a_process() -> None:
    assert clusters._shares({"CPU": 8.0, "GPU": 2.0}, "auto") == (1.0, 1.0, 2)
    assert clusters._shares({"CPU": 8.0, "GPU": 2.0}, "cpu") == (1.0, 0.0, 8)
    assert clusters._shares({"CPU": 1.0, "GPU": 4.0}, "cuda") == (1.0, 1.0, 1)
    assert clusters._shares({"CPU": 4.0}, "auto") == (1.0, 0.0, 4)
    assert clusters._shares({"CPU": 4.0}, "cuda:0") == (1.0, 1.0, 0)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(clusters, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'ray is not installed; run: pip install "soundvcm\[ray\]"'):
        list(clusters.spread(starting(tmp_path, ()), [1], address="local"))


def test_nothing_to_do_asks_for_no_cluster(tmp_path: Path) -> None:
    assert list(clusters.spread(starting(tmp_path, ()), [], address="nowhere:1")) == []
    with pytest.raises(OptionError, match="0 .* or more, not -1"):
        list(clusters.spread(starting(tmp_path, ()), [1], address="local", workers=-1))


def test_ray_is_not_loaded_before_it_is_used() -> None:
    code = "import sys, soundvcm.clusters; print([m for m in ('ray', 'torch') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
