"""`soundvcm weights`, `licenses`, `doctor` as a user calls them; no connection is ever opened (case 30)."""

import hashlib
import json
import socket
from dataclasses import replace

import pytest
from weights_table import know

from soundvcm.cli.commands import doctor as doctor_module
from soundvcm.cli.commands.doctor import EXTRAS, doctor
from soundvcm.cli.commands.weights import licenses, weights
from soundvcm.cli.main import main
from soundvcm.errors import OptionError, WeightsError
from soundvcm.weights import parts, system_parts, systems, table


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path / "home"))


@pytest.fixture
def small(monkeypatch):
    content = b"weights"
    row = replace(
        table.part("mmaudio_small_16k"),
        name="small",
        file="small.pth",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    know(monkeypatch, row)
    return content


def run(words):
    with pytest.raises(SystemExit) as leaving:
        main(words)
    return leaving.value.code


def test_list_names_every_file_with_size_and_licence(capsys):
    assert weights() == 0
    text = capsys.readouterr().out
    assert all(row.name in text for row in parts())
    line = next(line for line in text.splitlines() if " mmaudio_small_16k " in line)
    assert line.startswith("missing") and "629,395,261 bytes" in line and "non-commercial" in line
    assert weights("list", json=True) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in facts["files"]} == {row.name for row in parts()}
    bundled = [row for row in facts["files"] if row["bundled"]]
    assert bundled and "home" in facts["folder"]
    assert "size unknown" not in text and "weights list NAME" in text


def test_list_of_a_name_says_file_hash_origin_and_licence_in_words(capsys):
    assert weights("list", ("vae_16k", "clip_bpe")) == 0
    text = capsys.readouterr().out
    row = table.part("vae_16k")
    for words in ("v1-16.pth", f"SHA-256 {row.sha256}", "hkchengrex/MMAudio", "github", row.may, row.link):
        assert words in text, words
    assert "inside the package" in text and "mmaudio_medium_44k " not in text.split("folder:")[0]
    assert weights("list", system=("mmaudio_small_16k",)) == 0
    text = capsys.readouterr().out.split("folder:")[0]
    assert [name in text for name in ("bigvgan_16k", "synchformer", "bigvgan_44k")] == [True, True, False]


def test_a_missing_network_names_the_command_for_all_of_its_system(capsys):
    assert run(["weights", "verify", "mmaudio_small_16k"]) == 2
    assert "weights fetch --system mmaudio_small_16k)" in capsys.readouterr().out


def test_fetch_offline_ends_with_code_2_and_one_line_after_the_licence(capsys):
    assert run(["weights", "fetch", "mmaudio_small_16k"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "non-commercial" in lines[0]
    assert "offline" in lines[1] and "mmaudio_small_16k.pth" in lines[1] and "home" in lines[1]


def test_fetch_needs_a_name_and_knows_systems(capsys):
    with pytest.raises(OptionError, match="say what to fetch"):
        weights("fetch")
    with pytest.raises(WeightsError, match="'mmaudio_small_16k'"):
        weights("fetch", system=("mmaudio_small16k",))
    assert run(["weights", "fetch", "--system", "mmaudio_small_16k"]) == 2
    names = [row.name for row in system_parts("mmaudio_large_44k_v2")]
    assert names == ["mmaudio_large_44k_v2", "vae_44k", "bigvgan_44k", "synchformer", "clip_vith14_378"]
    assert len(systems()) == 5


def test_import_verify_where_by_hand(capsys, tmp_path, small):
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "small.pth").write_bytes(small)
    assert weights("import", (str(stick),)) == 0
    assert weights("verify", ("small",)) == 0
    assert "ok" in capsys.readouterr().out
    assert weights("where", ("small",)) == 0
    place = tmp_path / "home" / "weights" / "small.pth"
    assert capsys.readouterr().out.strip() == str(place)
    place.write_bytes(b"WEIGHTS")
    assert weights("verify", ("small",), json=True) == 2
    (fact,) = json.loads(capsys.readouterr().out)["files"]
    assert fact["state"] == "damaged" and fact["part"] == "small"
    assert weights("fetch", ("clip_bpe",)) == 0  # bundled: nothing to fetch


def test_moving_import_and_what_move_does_not_fit(tmp_path, small):
    (tmp_path / "small.pth").write_bytes(small)
    assert weights("import", (str(tmp_path),), move=True) == 0
    assert not (tmp_path / "small.pth").exists()
    with pytest.raises(OptionError, match="--move"):
        weights("list", move=True)
    with pytest.raises(OptionError, match="say one folder"):
        weights("import")


def test_licenses_table_and_sentence(capsys):
    assert licenses() == 0
    text = capsys.readouterr().out
    for word in ("MIT", "CC-BY-NC-4.0", "NON-COMMERCIAL", "ImageBind", "VGGSound", "FFmpeg"):
        assert word in text
    assert "non-commercial use" in text.splitlines()[-1]
    assert licenses(json=True) == 0
    assert json.loads(capsys.readouterr().out)["parts"]


def test_doctor_names_missing_systems_and_the_line_that_fixes_them(capsys):
    doctor()
    text = capsys.readouterr().out
    assert "soundvcm weights fetch --system mmaudio_small_16k" in text
    for name in (*systems(), *EXTRAS, "tiny", "torch", "weights folder"):
        assert name in text


def test_doctor_json_and_exit_codes(capsys, monkeypatch):
    code = doctor(json=True)
    facts = json.loads(capsys.readouterr().out)
    assert code == (0 if facts["ready"] else 2)
    monkeypatch.setattr(doctor_module, "NEEDED", ("torch", "nothing_of_this_name"))
    assert doctor(json=True) == 2
    facts = json.loads(capsys.readouterr().out)
    (row,) = [one for one in facts["findings"] if one["name"] == "nothing_of_this_name"]
    assert row["state"] == "missing" and row["fix"].startswith("pip install")


def test_doctor_says_how_to_get_an_extra(monkeypatch):
    monkeypatch.setitem(EXTRAS, "serve", (("nothing_of_this_name",), "the web page"))
    (row,) = [one for one in doctor_module.extras() if one.name == "serve"]
    assert row.state == "missing" and row.fix.endswith('-m pip install "soundvcm[serve]"')


def test_doctor_warns_of_a_full_disk(monkeypatch):
    usage = type("Usage", (), {"free": 10**6})
    monkeypatch.setattr(doctor_module.shutil, "disk_usage", lambda folder: usage)
    (row,) = [one for one in doctor_module.machine() if one.name == "weights folder"]
    assert row.state == "note" and "SOUNDVCM_HOME" in row.fix
