"""One table of licences; nothing is shipped without a row (case 44)."""

from pathlib import Path

from scripts_by_path import load_script

import soundvcm
from soundvcm import weights
from soundvcm.weights import asset_path

ASSETS = Path(soundvcm.__file__).parent / "assets"
ROOT = Path(__file__).resolve().parents[2]
NOTICES = ("LICENSE", "NOTICE", "README", "CREDITS")


def test_every_bundled_file_has_a_row_and_every_row_its_file():
    listed = {row.file for row in weights.parts() if row.bundled}
    files = {
        path.relative_to(ASSETS).as_posix()
        for path in ASSETS.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith((*NOTICES, "."))
    }
    assert files - listed == set(), "bundled without an entry in weights/table.toml"
    assert listed - files == set(), "listed but not bundled"


def test_bundled_weights_carry_the_licence_of_their_row():
    checked = 0
    for row in weights.parts():
        if row.bundled and row.file.endswith(".safetensors"):
            _, metadata = weights.read(asset_path(row.file))
            assert metadata.get("licence") == row.licence, row.file
            checked += 1
    assert checked == sum(row.file.endswith(".safetensors") and row.bundled for row in weights.parts())


def test_nothing_bundled_is_non_commercial():
    assert not [row.name for row in weights.parts() if row.bundled and row.non_commercial]


def test_table_covers_code_encoders_codecs_metrics_and_data():
    rows = weights.licences()
    names = " ".join(row.name for row in rows)
    for word in (
        "soundvcm",
        "clip_vith14_378",
        "synchformer",
        "vae_16k",
        "bigvgan_44k",
        "ImageBind",
        "AudioSet",
        "VGGSound",
        "WavCaps",
        "FFmpeg",
    ):
        assert word in names, word
    assert {row.kind for row in rows} == {"code", "bundled", "weights", "metric", "data"}
    assert all(row.licence and row.may and row.link.startswith("https://") for row in rows)
    assert next(row for row in rows if "ImageBind" in row.name).non_commercial
    assert "non-commercial" in weights.OUTPUT_SENTENCE


def test_the_page_is_written_from_the_tables():
    """WEIGHTS.md says what `soundvcm licenses` says."""
    module = load_script("scripts/write_weights_page.py")
    assert (ROOT / "WEIGHTS.md").read_text(encoding="utf-8") == module.page(), (
        "run: python scripts/write_weights_page.py"
    )
    for row in weights.licences():
        assert row.licence in module.page() and row.link in module.page()
