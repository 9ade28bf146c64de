"""Segments: parts of a clip made apart, each with its own prompt, joined in one track without a click."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from standins import random_pipeline, write_clip

from soundvcm import media
from soundvcm.errors import InputError, OptionError
from soundvcm.generate import long_form
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.render import render
from soundvcm.generate.segments import FADE_SECONDS, Piece, Segment, joined_pieces, pieces_of, segments_of

ROWS = [
    {"start": 0, "end": 1, "prompt": "rain"},
    {"start": "1", "end": "2.5", "prompt": "wind", "gain": -6},
    {"start": 3, "end": 4, "prompt": "fire", "mute": True},
]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=100)


def test_each_segment_is_what_it_is_alone(clip: Path) -> None:
    pipeline = random_pipeline()
    sound = pipeline.generate(clip, segments=ROWS, seed=5)
    rate = sound.sample_rate
    assert sound.wave.shape == (1, 4 * rate) and sound.seconds == 4 and sound.calls == 2
    assert '"prompt": "wind"' in sound.metadata["segments"]
    more = Fraction(1) + FADE_SECONDS
    first = pipeline.generate(clip, duration=more, prompt="rain", seed=5)
    inner = slice(round(0.05 * rate), round(0.95 * rate))
    np.testing.assert_allclose(sound.wave[:, inner], first.wave[:, inner], atol=1e-6)
    seed = long_form.window_seed(5, 1)
    second = pipeline.generate(clip, start=1, duration="1.5", prompt="wind", seed=seed)
    middle = slice(round(1.1 * rate), round(2.4 * rate))
    softer = second.wave[:, round(0.1 * rate) : round(1.4 * rate)] * 10 ** (-6 / 20)
    np.testing.assert_allclose(sound.wave[:, middle], softer, atol=1e-6)
    assert not sound.wave[:, round(2.5 * rate) :].any()  # nothing, and what is muted


def joined(pieces: list[Piece], waves: list[Any], seconds: int, rate: int, block: int = 10**9) -> Any:
    """The track of pieces whose waves come in blocks."""
    parts = [
        (piece, wave.shape[1], [wave[:, k : k + block].copy() for k in range(0, wave.shape[1], block)])
        for piece, wave in zip(pieces, waves, strict=True)
    ]
    return np.concatenate(list(joined_pieces(parts, Fraction(0), Fraction(seconds), rate)), axis=1)


def test_a_long_track_is_written_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes to disk is what is made in memory, and no block is longer than a window."""
    film = write_clip(tmp_path / "film.mp4", frames=40 * 5, rate=5)
    rows = [{"start": 1, "end": 22, "prompt": "rain"}, {"start": 22, "end": 25}, {"start": 36, "end": 38}]
    pipeline = random_pipeline()
    whole = pipeline.generate(film, segments=rows, seed=5)
    blocks: list[int] = []
    inner = media.SoundWriter.append

    def noted(self: Any, wave: Any) -> None:
        blocks.append(wave.shape[1])
        inner(self, wave)

    monkeypatch.setattr(media.SoundWriter, "append", noted)
    options = GenerateOptions(video=film, segments=rows, seed=5, output=tmp_path / "a.wav")
    result = render(pipeline, options)
    assert result.streamed and max(blocks) <= 10 * whole.sample_rate and len(blocks) > 5
    wave, rate = media.read_sound(result.outputs[0])
    assert wave.shape[1] == 40 * rate and result.calls == whole.calls == 5
    np.testing.assert_allclose(wave, np.clip(whole.wave, -1, 1), atol=2 / 32768)
    assert not wave[:, : rate // 2].any() and not wave[:, 26 * rate : 35 * rate].any()


def test_joins_keep_the_power_and_ends_fade() -> None:
    rate = 16_000
    generator = np.random.default_rng(0)
    pieces = pieces_of(segments_of(ROWS[:2]) or (), Fraction(0), Fraction(3))
    waves = [
        generator.standard_normal((1, round(piece.seconds * rate))).astype(np.float32) for piece in pieces
    ]
    plain = [{**row, "gain": 0} for row in ROWS[:2]]
    pieces = pieces_of(segments_of(plain) or (), Fraction(0), Fraction(3))
    whole = joined(pieces, waves, 3, rate)
    assert whole.shape == (1, 3 * rate)
    join = whole[0, rate : rate + round(FADE_SECONDS * rate)]
    assert 0.8 < float(np.sqrt((join**2).mean())) < 1.2
    tone = [np.ones_like(wave) for wave in waves]
    stepped = joined(pieces, tone, 3, rate)[0]
    # However it is cut into blocks, it is the same to the bit.
    for block in (1, 37, 5000):
        np.testing.assert_array_equal(joined(pieces, waves, 3, rate, block), whole)
    assert np.abs(np.diff(stepped)).max() < 0.02, "a click"
    assert abs(stepped[0]) < 0.01 and not stepped[round(2.5 * rate) :].any()


def test_a_range_cuts_segments_and_files_are_whole(clip: Path, tmp_path: Path) -> None:
    options = GenerateOptions(video=clip, segments=ROWS, start="0.5", duration="1.5", seed=3)
    result = render(random_pipeline(), GenerateOptions(**{**vars(options), "output": tmp_path / "a.mp4"}))
    wave, rate = media.read_sound(result.outputs[0])
    assert result.calls == 2 and wave.shape[-1] / rate == pytest.approx(1.5, abs=0.05)
    with pytest.raises(OptionError, match="no segment"):
        random_pipeline().generate(clip, segments=ROWS[:1], start=2, duration=1)


def test_tables_and_what_is_wrong_with_them(tmp_path: Path) -> None:
    table = tmp_path / "parts.csv"
    table.write_text('start,end,prompt,mute\n2,3,"wind, far away",\n0,2,rain,yes\n')
    assert segments_of(table) == (
        Segment("0", "2", "rain", mute=True), Segment("2", "3", "wind, far away")
    )  # fmt: skip
    assert segments_of(None) is None and segments_of([]) is None
    assert GenerateOptions(segments=table) == GenerateOptions(
        segments=[vars(one) for one in segments_of(table) or ()]
    )
    for rows in (
        [{"start": 0, "end": 2}, {"start": 1, "end": 3}],
        [{"start": 1, "end": 1}],
        [{"start": "soon", "end": 1}],
        [{"start": 0, "end": 1, "promt": "rain"}],
        [{"start": 0, "end": 1, "gain": 500}],
        [{"start": 0, "end": 1, "mute": "perhaps"}],
        [3],
    ):
        with pytest.raises(OptionError):
            segments_of(rows)
    for text in ("", "from,to\n0,1\n", "start,end,prompt\n0,1,rain, far\n"):
        table.write_text(text)
        with pytest.raises(InputError):
            segments_of(table)
    with pytest.raises(InputError):
        segments_of(tmp_path / "none.csv")
