"""Case 31: what `import` and `pip install` need."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import soundfile
from clips import Clips

import soundvcm
from soundvcm.cli import main as cli
from soundvcm.errors import MissingExtraError

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("torchaudio", "torchcodec", "torchvision", "gradio", "fastapi", "uvicorn", "scipy", "matplotlib",
          "tensorboard", "huggingface_hub", "tokenizers", "ftfy", "ray")  # fmt: skip

# A process in which no extra can be imported and no ffmpeg command is found.
BARE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
"""


def bare(code: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BARE + code, ",".join(EXTRAS), *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": "", "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_loads_no_torch_and_takes_less_than_a_second() -> None:
    code = """
import time
began = time.process_time()
import soundvcm
from soundvcm.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
spent = time.process_time() - began
print("LOADED", [name for name in ("torch", "av", "numpy") if name in sys.modules], spent < 1)
"""
    assert bare(code).rstrip().endswith("LOADED [] True")


def test_a_first_sound_imports_no_compiler() -> None:
    """torch's graph compiler and the algebra it brings cost a second of every cold start."""
    code = """
import soundvcm
soundvcm.load("tiny", device="cpu").generate(prompt="a dog barks", duration=1, seed=1)
print("LOADED", [name for name in ("torch._dynamo", "sympy", "scipy") if name in sys.modules])
"""
    assert bare(code).rstrip().endswith("LOADED []")


def test_pictures_are_read_without_torch(clips: Clips) -> None:
    """A cold start reads the clip while torch is being loaded: no module on the way may wait for it."""
    code = """
sys.modules["torch"] = None
from fractions import Fraction
from soundvcm.cli.options import read_ahead
from soundvcm.generate.options import GenerateOptions
from pathlib import Path
from soundvcm.media.read.frame_range import FrameRange
from soundvcm.media.read.resize import FrameResizer
from soundvcm.timeline import FrameSpec
with FrameRange(Path(sys.argv[2])) as pictures:
    small = FrameResizer(FrameSpec(Fraction(25), 64, 64))(pictures.first.picture)
assert read_ahead("tiny", GenerateOptions(video=Path(sys.argv[2]))) is not None
print("LOADED", small.shape)
"""
    assert bare(code, str(clips("fps24.mp4"))).rstrip().endswith("LOADED (64, 64, 3)")


def test_the_base_package_reads_a_clip_and_writes_a_wav(clips: Clips, tmp_path: Path) -> None:
    code = """
from fractions import Fraction
import numpy as np
from soundvcm.media import probe, read_frames, save_sound
from soundvcm.records import FrameSpec
import soundvcm.generate.pipeline, soundvcm.systems.loading
found = probe(sys.argv[2])
footage = read_frames(sys.argv[2], {"any": FrameSpec(Fraction(25), 16, 16)})
save_sound(sys.argv[3], np.zeros(16000, np.float32), 16000)
print(found["seconds"], footage.frames["any"].shape[0])
"""
    out = bare(code, str(clips("fps24.mp4")), str(tmp_path / "a.wav"))
    assert out.split() == ["8", "200"] and soundfile.info(tmp_path / "a.wav").frames == 16_000


def test_a_missing_extra_names_the_command(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert 'pip install "soundvcm[serve]"' in str(MissingExtraError("fastapi", "serve"))
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    for name in [name for name in sys.modules if name.startswith("soundvcm.web")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SystemExit) as caught:
        cli.main(["serve", "--port", "0"])
    error = capsys.readouterr().err
    assert caught.value.code == 2 and 'pip install "soundvcm[serve]"' in error and "Traceback" not in error


def test_shared_packages_are_not_pinned_exactly() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
    names = {re.match(r"[\w-]+", line).group(0) for line in project["dependencies"]}  # type: ignore[union-attr]
    assert {"torch", "numpy", "av", "soundfile"} <= names and not names & set(EXTRAS)
    assert not [line for line in wanted if "==" in line or "~=" in line or "===" in line]
    assert "torchaudio" not in str(wanted) and "gradio" not in str(wanted)


def test_no_matrix_root_that_scipy_gives_up() -> None:
    source = Path(soundvcm.__file__).parent
    assert not [path for path in source.rglob("*.py") if "sqrtm" in path.read_text("utf-8")]
