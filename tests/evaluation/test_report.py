"""The page: complete in itself, numbers with their counts, pictures and sounds that decode."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sound_folders import bursts, folders, save

from soundvcm.errors import MediaError, ShapeError
from soundvcm.evaluation.drawing import (
    COLOURS,
    HEIGHT,
    WIDTH,
    coloured,
    histogram,
    loudness_map,
    png,
    spectrograms,
)
from soundvcm.evaluation.preparing import Length
from soundvcm.evaluation.protocol import Evaluation, Settings, evaluate
from soundvcm.evaluation.report import html, write_report


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    root = tmp_path_factory.mktemp("sounds")
    truth, made = folders(root, 6)
    save(truth / "a<&>.wav", bursts(7))
    settings = Settings(Length(2.0), resamples=20)
    return evaluate(truth, made, ["onsets"], settings, command="soundvcm evaluate <true> made")


@pytest.fixture(scope="module")
def page(evaluation: Evaluation) -> str:
    return html(evaluation)


class Tags(HTMLParser):
    """Counts what is opened and closed, keeps addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read_png(data: bytes) -> np.ndarray:
    import av

    with av.open(io.BytesIO(data), format="png_pipe") as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def test_the_page_is_whole_and_needs_no_network(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    assert "script" not in tags.seen and "link" not in tags.seen
    assert tags.links and all(link.startswith("data:") for link in tags.links)
    assert not re.search(r"https?://", page)
    assert tags.seen.count("img") == tags.seen.count("audio") == 2 * 6
    assert "a&lt;&amp;&gt;" in page and "a<&>" not in page
    assert "soundvcm evaluate &lt;true&gt; made" in page
    assert "Pictures: 0 .. 2 s, 50 Hz .. 8 kHz" in page


def test_numbers_stand_with_counts_units_and_intervals(evaluation: Evaluation, page: str) -> None:
    for score in evaluation.scores:
        assert score.interval is not None
        low, high = score.interval
        row = page.split(f"<b>{score.name}</b>")[1].split("</tr>")[0]
        for text in (score.text, score.unit, f"{low:.4g} .. {high:.4g}", "6 pairs", "20 draws"):
            assert text in row
    assert "6 pairs of 7 true and 6 predicted sounds" in page and "cut to 2 s" in page
    assert page.count("<svg") == 5 and "seed 0" in page
    assert "soxr" in page and evaluation.date in page


def test_pictures_and_sounds_in_it_are_the_files(evaluation: Evaluation, page: str) -> None:
    name = evaluation.ranking()[1][0]
    part = page.split(f"<h3>Best {name}</h3>")[1].split("<h3>")[0]
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', part)
    sounds = re.findall(r'src="data:audio/flac;base64,([^"]+)"', part)
    assert len(pictures) == len(sounds) == 2
    assert read_png(base64.b64decode(pictures[0])).shape == (HEIGHT, WIDTH, 3)
    for data, side in zip(sounds, (evaluation.truth, evaluation.made), strict=True):
        heard, rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
        wanted, _ = soundfile.read(side[name])
        assert rate == 16_000 and np.abs(heard - (wanted - wanted.mean())).max() < 1e-3


def test_best_median_and_worst_are_the_ranking(evaluation: Evaluation, page: str) -> None:
    _, order = evaluation.ranking()
    shown = re.findall(r"<h3>(\S+) (\S+)</h3>", page)
    assert shown[:3] == [("Best", order[0]), ("Median", order[3]), ("Worst", order[-1])]
    assert [name for _, name in shown[3:]] == [
        name for name in order[-2::-1] if name not in (order[0], order[3])
    ]


def test_scores_that_could_not_be_computed_say_why(tmp_path: Path) -> None:
    truth, made = folders(tmp_path, 2)
    found = evaluate(truth, made, (), Settings(Length(1.0), resamples=0))
    page = html(found)
    row = page.split("<b>IS_YAMNet</b>")[1].split("<b>")[0]  # the remark has a row of its own
    assert "not computed" in row and "2 items cannot be split into 10 parts" in row
    assert "2 true (4 rows)<br>2 predicted (4 rows)" in page and "1024" in page


def test_it_is_written_whole_and_never_over_a_sound(
    evaluation: Evaluation, page: str, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "page.html"
    write_report(path, evaluation)
    assert path.read_text(encoding="utf-8") == page
    assert [one.name for one in path.parent.iterdir()] == ["page.html"]
    with pytest.raises(MediaError, match="is the input itself"):
        write_report(evaluation.truth["a0"], evaluation)


def test_png_is_exact() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    assert np.array_equal(read_png(png(picture)), picture)
    with pytest.raises(ShapeError, match="uint8"):
        png(picture.astype(np.float64))  # type: ignore[arg-type]


def test_a_tone_is_drawn_at_its_height_and_time() -> None:
    rate = 16_000
    time = np.arange(2 * rate) / rate
    wave = np.where(time >= 1, np.sin(2 * np.pi * 1000 * time), 0)
    level = loudness_map(wave, rate)
    assert level.shape == (HEIGHT, WIDTH)
    row = HEIGHT * (1 - np.log(1000 / 50) / np.log(8000 / 50))
    assert abs(int(level[:, WIDTH * 3 // 4].argmax()) - row) <= 2
    assert level[:, : WIDTH // 2 - 10].max() < -80 < -10 < level[:, WIDTH // 2 + 10 :].max()
    with pytest.raises(ShapeError, match="one mono wave"):
        loudness_map(wave[None], rate)


def test_pairs_share_one_scale_of_colours() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000)
    loud, soft = (read_png(data) for data in spectrograms([noise, noise / 30], 16_000))
    assert soft.mean() < 0.7 * loud.mean()
    assert np.array_equal(
        coloured(np.asarray([[0.0, -80.0, -200.0]]), 0.0)[0], np.asarray([COLOURS[-1], *[COLOURS[0]] * 2])
    )


def test_histogram_counts_every_value() -> None:
    drawn = histogram([0.0, 0.0, 0.0, 1.0], 'a "<b>"', bins=2)
    assert re.findall(r'<rect[^>]* height="([\d.]+)"', drawn) == ["80.0", "26.7"]
    assert "mean 0.25" in drawn and "a &quot;&lt;b>&quot;" in drawn
    assert "<svg" in histogram([2.0], "one")
    with pytest.raises(ShapeError):
        histogram([], "none")
