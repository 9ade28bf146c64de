"""What was typed: suffixes, times, globs, addresses, MMAudio's flags, own defaults, -q -v -n, completion."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from soundvcm.cli import main as cli
from soundvcm.cli import words
from soundvcm.cli.commands import COMMANDS, completion, generate
from soundvcm.errors import InputError, MediaError, OptionError
from soundvcm.generate.options import GenerateOptions, plan_outputs
from soundvcm.media import named_stem
from soundvcm.timeline import exact_seconds

CLIP = Path(__file__).resolve().parents[2] / "examples" / "clips" / "bounce.mp4"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("SOUNDVCM_CONFIG", raising=False)
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(CLIP, tmp_path / name)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *typed: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main([str(word) for word in typed])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1:30", 90), ("00:01:02.5", 62.5), ("90", 90), ("01:00:00", 3600), ("0:02", 2), ("100:00", 6000)],
)
def test_times_as_people_write_them(text: str, seconds: float) -> None:
    assert exact_seconds(text) == seconds


@pytest.mark.parametrize("text", ["1:75", "1:60:00", "a:10", "1::2", ":30", "1:2:3:4"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InputError, match="not a duration"):
        exact_seconds(text)


def test_the_suffix_decides() -> None:
    for name in ("x.wav", "x.FLAC", "x.mp3"):
        assert GenerateOptions(video=CLIP, output=Path(name)).sound_only
    assert not GenerateOptions(video=CLIP, output=Path("x.mp4")).sound_only
    assert plan_outputs(GenerateOptions(video=CLIP, output=Path("x"), audio_only=True)) == [Path("x.wav")]
    for options in ({"output": Path("x.txt")}, {"output": Path("x.mp4"), "audio_only": True}):
        with pytest.raises(OptionError, match="use one of"):
            plan_outputs(GenerateOptions(video=CLIP, **options))  # type: ignore[arg-type]


REFUSED = [
    ("https://example.org/clip.mp4",),
    ("gone.mp4",),
    ("*.mov",),
    ("a.mp4", "-o", "a.txt"),
    ("a.mp4", "--start", "1:75"),
    ("a.mp4", "--takes", "0"),
    ("a.mp4", "--seed", "-7"),
    ("a.mp4", "--device", "gpu"),
    ("a.mp4", "--dtype", "float8"),
    ("a.mp4", "--cfg_strength", "3"),
    ("a.mp4", "--model", "tinny"),
    ("a.mp4", "b.mp4", "--takes", "0"),
    ("a.mp4", "b.mp4", "-o", "one.mp4"),
    ("--prompt", "rain"),
    ("a.mp4", "--name", "{stam}"),
    ("--nonsense",),
]


def test_what_can_be_refused_is_refused_before_torch_is_loaded() -> None:
    """All of them in one process: each is one line with code 2, and torch and av were never imported."""
    code = """
import json, sys
from soundvcm.cli.main import main
for typed in json.loads(sys.argv[1]):
    try:
        main(["generate", *typed])
    except SystemExit as leaving:
        print(leaving.code)
print("torch" in sys.modules or "av" in sys.modules)
"""
    command = [sys.executable, "-c", code, json.dumps(REFUSED)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split() == ["2"] * len(REFUSED) + ["False"], done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == len(REFUSED) and "https://example.org/clip.mp4: addresses" in lines[0]


def test_a_dry_run_says_what_would_be_written(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    before = sorted(place.iterdir())
    assert run(capsys, "generate", "a.mp4", "-n", "--takes", 2)[:2] == (
        0, "a.mp4 -> a.sound-take1.mp4\na.mp4 -> a.sound-take2.mp4\n",
    )  # fmt: skip
    code, out, _ = run(capsys, "generate", "*.mp4", "-n", "--name", "{stem}_{seed}", "--seed", 4, "-o", "o")
    assert code == 0 and [Path(line.split(" -> ")[1]).name for line in out.splitlines()] == [
        "a_4.mp4", "b_4.mp4",
    ]  # fmt: skip
    code, out, _ = run(capsys, "generate", "--prompt", "rain", "--duration", 2, "-n", "--json", "-o", "r.mp3")
    assert json.loads(out) == {"would_write": ["r.mp3"]}
    (place / "a.sound.mp4").write_bytes(b"")
    assert "(there already)" in run(capsys, "generate", "a.mp4", "-n")[1]
    assert sorted(place.iterdir()) == sorted([*before, place / "a.sound.mp4"])


def test_templates() -> None:
    values = {"stem": "a.b", "seed": 3, "prompt": "rain / tin", "model": "x/mine.safetensors"}
    assert named_stem("{stem}_{seed}_{prompt}_{model}", **values) == "a.b_3_rain_tin_mine"  # type: ignore[arg-type]
    for wrong in ("{stam}", "{", "../{stem}", "{stem.x}", "{}", " "):
        with pytest.raises(MediaError, match="name"):
            named_stem(wrong, **values)  # type: ignore[arg-type]


def test_flags_of_mmaudio(capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["--variant", "large_44k_v2", "a.mp4", "--mask_away_clip", "--skip-video-composite"]
    ours = ["--model", "mmaudio_large_44k_v2", "a.mp4", "--ignore_pictures", "--audio_only"]
    assert words.translated([*typed, "--full_precision"]) == [*ours, "--dtype", "float32"]
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == 4 and notes[1] == "note: --mask_away_clip of MMAudio is --ignore_pictures here"
    assert words.translated(["--variant=small_16k"]) == ["--model", "mmaudio_small_16k"]


def test_own_defaults(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command before all, the environment before the file; what was typed comes after both."""
    file = place / "config" / "soundvcm" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[generate]\nloudness = -23\nstereo = true\n[default]\ndevice = "mps"\nport = 1\n')
    found = words.defaults("generate", generate.generate)
    assert found == ["--device", "mps", "--loudness", "-23", "--stereo"]
    monkeypatch.setenv("SOUNDVCM_DEVICE", "cuda")
    monkeypatch.setenv("SOUNDVCM_GENERATE_STEREO", "no")
    assert words.defaults("generate", generate.generate) == ["--device", "cuda", "--loudness", "-23"]
    file.write_text("[generate]\nloud = 1\n")
    with pytest.raises(OptionError, match="loudness"):
        words.defaults("generate", generate.generate)
    file.write_text("[generator]\n")
    with pytest.raises(OptionError, match="generator"):
        words.defaults("generate", generate.generate)


def test_typed_words_win(
    capsys: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDVCM_GENERATE_TAKES", "2")
    assert len(run(capsys, "generate", "a.mp4", "-n")[1].splitlines()) == 2
    assert len(run(capsys, "generate", "a.mp4", "-n", "--takes", 1)[1].splitlines()) == 1
    said = run(capsys, "generate", "-v", "a.mp4", "-n")[2]
    assert said.startswith("soundvcm ") and "your defaults: --takes 2" in said


def test_quiet_and_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "generate", "-q", "gone.mp4")[2] == "soundvcm: gone.mp4 is not here\n"
    assert "Traceback" in run(capsys, "generate", "-v", "gone.mp4")[2]
    assert run(capsys, "generate", "-q", "-v")[0] == 2
    assert run(capsys, "-q", "generate", "a.mp4", "-n", "--mask_away_clip")[2] == ""
    run(capsys, "--version")  # leaves the voice as it was found


def test_help_names_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "help", "generate")
    assert code == 0 and "--prompt" in out and run(capsys, "help", "generat")[0] == 2


def test_completion_is_understood_by_the_shells(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    for shell in ("bash", "zsh", "fish"):
        code, out, _ = run(capsys, "completion", shell)
        assert code == 0 and "existing_audio" in out and "mmaudio_small_16k" in out
        script = place / f"complete.{shell}"
        script.write_text(out)
        if shutil.which(shell):
            subprocess.run([shell, "-n", str(script)], check=True)
    typed = ("soundvcm generate --exist", "soundvcm serve --device ", "soundvcm eva")
    asked = "\n".join(
        f"COMP_WORDS=({line} {'' if line[-1] != ' ' else repr('')}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1));"
        ' _soundvcm; echo "${COMPREPLY[@]}"'
        for line in typed
    )
    done = subprocess.run(
        ["bash", "-c", f"source complete.bash\n{asked}"], cwd=place, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["--existing_audio", "auto cpu cuda mps", "evaluate"], done.stderr


def test_completion_knows_every_command() -> None:
    known = completion.options()
    assert set(known) == set(COMMANDS) and "store" in known["train"]
    assert known["generate"]["existing_audio"] == ("replace", "mix", "keep")
