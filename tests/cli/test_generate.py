"""`soundvcm generate` as a user types it, on stand-ins (cases 03, 14, 17, 22, 25-28)."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import av
import pytest
import soundfile
from standins import random_pipeline, write_clip

from soundvcm.cli import main as cli
from soundvcm.cli.commands import generate as command
from soundvcm.generate.options import DEFAULTS, GenerateOptions
from soundvcm.generate.pipeline import Pipeline
from soundvcm.systems import loading


@pytest.fixture(autouse=True)
def standin(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    pipeline = random_pipeline()
    monkeypatch.setattr(loading, "load", lambda name="tiny", **options: pipeline)
    monkeypatch.setattr(command, "classified_as", lambda outcome: ["Rain", "Water"])
    return pipeline


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "my clip.v2.mp4", 25)


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(["generate", *map(str, words)])
    return int(caught.value.code or 0)


def test_the_main_job(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = clip.read_bytes()
    assert run(clip, "--seed", 7, "--prompt", "rain") == 0
    out = capsys.readouterr().out
    made = clip.with_name("my clip.v2.sound.mp4")
    assert out.count("\n") == 1 and "seed 7" in out and "1.000 s" in out and "rain / water" in out
    assert clip.read_bytes() == before
    with av.open(str(made)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 25
        assert len(container.streams.audio) == 1


def test_a_process_ends_with_the_code_and_all_that_was_said(clip: Path) -> None:
    """It leaves without taking torch apart: nothing that was written or printed may be lost."""
    code = f"""
import atexit, threading, time
from soundvcm.cli import main as cli
from concurrent.futures import ThreadPoolExecutor
atexit.register(lambda: print("promised"))
left_open = ThreadPoolExecutor(1)  # its idle thread must not be waited for
left_open.submit(int)
threading.Thread(target=lambda: (time.sleep(0.2), print("joined"))).start()
import sys
sys.argv = ["soundvcm", "generate", {str(clip)!r}, "--dry_run"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == ""
    said = done.stdout.splitlines()
    assert len(said) == 3 and "joined" in said and said[-1] == "promised"
    assert any(line.endswith("my clip.v2.sound.mp4") for line in said)


def test_takes_count_up_and_the_first_is_the_single_run(clip: Path, tmp_path: Path) -> None:
    assert run(clip, "--seed", 7, "--takes", 3, "--audio_only", "-o", tmp_path / "t.wav") == 0
    assert run(clip, "--seed", 7, "--audio_only", "-o", tmp_path / "one.wav") == 0
    waves = [soundfile.read(tmp_path / f"t-take{k}.wav")[0] for k in (1, 2, 3)]
    single = soundfile.read(tmp_path / "one.wav")[0]
    assert (waves[0] == single).all() and not (waves[1] == single).all() and len(single) == 16_000
    assert run(clip, "--seed", 9, "--audio_only", "-o", tmp_path / "nine.wav") == 0
    assert (soundfile.read(tmp_path / "nine.wav")[0] == waves[2]).all()


def test_words_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("--prompt", "rain on a tin roof", "--duration", 0.5, "--seed", 1) == 0
    (made,) = tmp_path.glob("rain_on_a_tin_roof*.wav")
    assert soundfile.info(made).frames == 8000


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_rate_and_channels(clip: Path, tmp_path: Path, suffix: str) -> None:
    """Case 25."""
    path = tmp_path / f"x.{suffix}"
    assert run(clip, "--audio_only", "-o", path, "--seed", 1) == 0
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.frames) == (16_000, 1, 16_000)
    assert run(clip, "--audio_only", "-o", path, "--seed", 1, "--sample-rate", 48000, "--stereo") == 0
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.frames) == (48_000, 2, 48_000)


def test_json_is_one_object(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(clip, "--json", "--num-steps", 4, "--seed", 3) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["network_calls"] == 4 and record["seeds"] == [3] and record["length"] == "1"
    assert Path(record["outputs"][0]).exists()
    assert record["classified_as"] == record["heard"] == ["Rain", "Water"]


def test_printed_seed_repeats_the_take(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(clip, "--json", "--audio_only", "-o", tmp_path / "a.wav") == 0
    seed = json.loads(capsys.readouterr().out)["seeds"][0]
    assert run(clip, "--seed", seed, "--audio_only", "-o", tmp_path / "b.wav") == 0
    first, second = (soundfile.read(tmp_path / name)[0] for name in ("a.wav", "b.wav"))
    assert (first == second).all()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--cfg_strength", "4.5"], "cfg_strength has nothing to act on"),
        (["--negative_prompt", "speech, music"], "negative_prompt has nothing to act on"),
        (["--num_steps", "0"], "num_steps must be"),
        (["--takes", "0"], "takes must be"),
        (["--seed", "-2"], "seed -2 is out of range"),
        (["--duration", "soon"], "not a duration"),
        (["--start", "50"], "start"),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(
    clip: Path, words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(clip.parent.iterdir())
    assert run(clip, *words) == 2
    err = capsys.readouterr().err
    assert part in err and err.count("\n") == 1 and "Traceback" not in err
    assert sorted(clip.parent.iterdir()) == before


def test_nothing_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2 and "give a video, or --prompt" in capsys.readouterr().err
    assert run("--prompt", "rain") == 2 and "add --duration" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"<html>403 Forbidden</html>", bytes(range(256)) * 16])
def test_broken_files(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Case 14."""
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    assert run(path) == 2
    err = capsys.readouterr().err
    assert "broken.mp4" in err and err.count("\n") == 1 and list(tmp_path.iterdir()) == [path]


def test_missing_file_and_input_as_output(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(clip.with_name("none.mp4")) == 2
    assert run(clip, "-o", clip) == 2
    assert "input itself" in capsys.readouterr().err


def test_a_film_is_streamed(tmp_path: Path, standin: Pipeline) -> None:
    standin.longest = Fraction(2)
    clip = write_clip(tmp_path / "film.mp4", 140)
    assert run(clip, "--seed", 4) == 0
    with av.open(str(tmp_path / "film.sound.mp4")) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert abs(samples - 89_600) <= 1024


def test_defaults_of_the_command_are_those_of_the_job() -> None:
    """Case 27: one table of defaults."""
    import inspect

    signature = inspect.signature(command.generate).parameters
    for field in fields(GenerateOptions):
        if field.name != "video":
            assert signature[field.name].default == getattr(DEFAULTS, field.name), field.name


def test_auto_says_once_that_it_is_the_cpu(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Case 29."""
    assert run(clip, "--seed", 1) == 0
    assert capsys.readouterr().err.count("made on the CPU") == 1
    assert run(clip, "--seed", 1, "--device", "cpu") == 0
    assert "made on the CPU" not in capsys.readouterr().err


def test_dash_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 17."""
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "-dash.mp4", 25)
    assert run("--video=-dash.mp4", "--seed", 1) == 0
    assert (tmp_path / "-dash.sound.mp4").exists()


def test_speed_options_reach_the_model_and_compiling_says_what_it_does(
    clip: Path, standin: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, object]] = []

    def load(name: str = "tiny", **options: object) -> Pipeline:
        asked.append(options)
        return standin

    monkeypatch.setattr(loading, "load", load)
    assert run(clip, "--device", "cpu", "--seed", 1) == 0
    assert "compil" not in capsys.readouterr().err
    assert run(clip, "--device", "cpu", "--seed", 1, "--compile", "--frame_reuse_threshold", 2) == 0
    said = capsys.readouterr().err
    blocks = len(standin.network.joint) + len(standin.network.fused)
    assert f"compiling the {blocks} blocks of the network" in said and "encoders and codec are not" in said
    plain: dict[str, object] = {"device": "cpu", "dtype": "float32", "compile": False}
    plain |= {
        "frame_reuse_threshold": 0.0,
        "feature_stride": 1,
        "codec_dtype": "float32",
        "vocoder": "bigvgan",
    }
    assert asked == [plain, plain | {"compile": True, "frame_reuse_threshold": 2.0}]


def test_segments_from_a_table(standin: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--segments is what `segments` is in Python: the same sound; a bad table is one line."""
    film = write_clip(tmp_path / "film.mp4", frames=75)
    table, out = tmp_path / "parts.csv", tmp_path / "out.wav"
    table.write_text("start,end,prompt,gain,mute\n0,1,rain,,\n1,2,wind,-6,\n2,3,fire,,yes\n")
    assert run(film, "--segments", table, "--seed", 5, "--output", out, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["network_calls"] == 2 and told["seeds"] == [5]
    wave, rate = soundfile.read(out, dtype="float32")
    rows = [
        {"start": 0, "end": 1, "prompt": "rain"},
        {"start": 1, "end": 2, "prompt": "wind", "gain": -6},
        {"start": 2, "end": 3, "prompt": "fire", "mute": True},
    ]
    sound = standin.generate(film, segments=rows, seed=5)
    assert len(wave) == 3 * rate and abs(wave - sound.wave[0]).max() < 2 / 32768 * max(1, sound.peak)
    assert not wave[2 * rate + rate // 50 :].any()
    for text in ("start,end\n0,2\n1,3\n", "from,to\n0,1\n"):
        table.write_text(text)
        assert run(film, "--segments", table, "--output", tmp_path / "b.wav") == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "b.wav").exists()
