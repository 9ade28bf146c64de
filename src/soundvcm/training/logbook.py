"""The log of a run: one JSON object a line, and TensorBoard beside it where installed and asked for.

On resume, lines of steps that will be done again are dropped, so that a step is in the log once. Knows names
and numbers, nothing of training.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from soundvcm.errors import MissingExtraError
from soundvcm.ground import files


class Logbook:
    """Appends events to RUN/log.jsonl.

    Args:
        run_dir: folder of the run, made if missing.
        step: steps already done; lines beyond it (from a process that was killed) are dropped.
        tensorboard: also write RUN/tensorboard.

    Raises:
        MissingExtraError: if TensorBoard is asked for and not installed.
    """

    def __init__(self, run_dir: Path, *, step: int = 0, tensorboard: bool = False) -> None:
        if tensorboard and find_spec("tensorboard") is None:
            raise MissingExtraError("tensorboard", "train")
        Path(run_dir).mkdir(parents=True, exist_ok=True)
        self.path = Path(run_dir) / "log.jsonl"
        _cut(self.path, step)
        self._file = self.path.open("a", encoding="utf-8")
        self._board: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(Path(run_dir) / "tensorboard"), purge_step=step)

    def write(self, event: str, step: int, values: Mapping[str, Any]) -> None:
        """One line {"event", "step", ...}; numbers go to TensorBoard too. NaN and infinity become strings."""
        row = {"event": event, "step": step} | {name: _plain(value) for name, value in values.items()}
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in values.items():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    self._board.add_scalar(f"{event}/{name}", value, step)

    def audio(self, name: str, step: int, wave: Any, sample_rate: int) -> None:
        """A sound sample [s] for TensorBoard; nothing without it."""
        if self._board is not None:
            self._board.add_audio(name, wave, step, sample_rate=sample_rate)

    def image(self, name: str, step: int, picture: Any) -> None:
        """A picture [3 h w] (0 to 1) for TensorBoard; nothing without it."""
        if self._board is not None:
            self._board.add_image(name, picture, step)

    def close(self) -> None:
        """Flush and close."""
        self._file.close()
        if self._board is not None:
            self._board.close()


class SilentLogbook(Logbook):
    """Writes nothing: of the processes that do not lead."""

    def __init__(self, run_dir: Path) -> None:
        self.path, self._board = Path(run_dir) / "log.jsonl", None

    def write(self, event: str, step: int, values: Mapping[str, Any]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing to close."""


def read_log(run_dir: Path, event: str | None = None) -> list[dict[str, Any]]:
    """Lines of a run's log, of one event or all."""
    path = Path(run_dir) / "log.jsonl"
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if _is_json(line)]
    return [row for row in rows if event is None or row["event"] == event]


def _cut(path: Path, step: int) -> None:
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if _is_json(line) and json.loads(line)["step"] <= step]
    if len(kept) < len(lines):
        with files.beside(path) as part:
            part.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
