"""What earlier versions made, and how it was recorded.

    PYTHONPATH=src:tests python tests/compat/recorded.py

Run it only when sounds or formats are meant to change, in the commit that changes them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

import soundvcm

HERE = Path(__file__).resolve().parent / "data"
CLIPS = Path(__file__).resolve().parents[2] / "examples" / "clips"
SEEDS = range(10)
#: seed modulo 3 => what is asked
ASKED: tuple[dict[str, Any], ...] = (
    {"video": CLIPS / "bounce.mp4", "prompt": "a ball bounces on wood"},
    {"video": CLIPS / "hammer.mp4"},
    {"prompt": "a dog barks", "duration": 3},
)


def sounds() -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """The ten takes [samples]."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # how sums are split between threads changes the last bits
    try:
        return _takes()
    finally:
        torch.set_num_threads(before)


def _takes() -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    pipeline = soundvcm.load("tiny", device="cpu")
    return [pipeline.generate(**ASKED[seed % 3], seed=seed).wave[0] for seed in SEEDS]


def digest(wave: np.ndarray[Any, np.dtype[np.float32]]) -> str:
    """Of the exact samples."""
    return hashlib.sha256(np.ascontiguousarray(wave, np.float32).tobytes()).hexdigest()


def levels(wave: np.ndarray[Any, np.dtype[np.float32]]) -> list[float]:
    """RMS of each tenth of a second: what must agree on other processors too."""
    parts = np.array_split(wave, max(1, len(wave) // 1600))
    return [round(float(np.sqrt(np.mean(part**2))), 5) for part in parts]


def machine() -> str:
    """Bits are comparable between runs that share this."""
    return f"torch {torch.__version__.split('+')[0]}, {torch.backends.cpu.get_cpu_capability()}"


def main() -> None:
    """Record sounds, a store and a checkpoint as this version makes them."""
    from training.parts import make_clip, make_store, small_loop

    from soundvcm.data.mixture import Mixture, MixtureConfig
    from soundvcm.training import LoopConfig

    HERE.mkdir(exist_ok=True)
    waves = sounds()
    facts = {"machine": machine(), "sha256": [digest(one) for one in waves], "levels": [*map(levels, waves)]}
    (HERE / "sounds.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    for name in ("store", "run"):
        shutil.rmtree(HERE / name, ignore_errors=True)
    store = make_store(HERE / "store", [make_clip(k) for k in range(8)])
    values = {"steps": 4, "rows": 4, "precision": "fp32", "seed": 1, "checkpoint_steps": 4, "workers": 0}
    config = LoopConfig.build({**values, "schedule": {"warmup_steps": 1}})
    small_loop(config, Mixture([store], MixtureConfig(), rows=4, seed=1), HERE / "run").run()
    for path in (HERE / "run").iterdir():
        if path.name != "checkpoints":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    main()
