"""A network goes to a folder as the hub would store it, with a card that says its licence, and comes back."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

import soundvcm
from soundvcm import weights
from soundvcm.errors import WeightsError

hub = pytest.importorskip("soundvcm.weights.hub")
TINY = weights.locate("tiny_network")


def test_there_and_back_without_a_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object, **named: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    hub.HubModel.of(TINY).save_pretrained(tmp_path / "mine")
    assert (tmp_path / "mine" / hub.FILE).read_bytes() == TINY.read_bytes()
    card = (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\n") and "license: mit" in card and "library_name: soundvcm" in card
    assert "video-to-audio" in card and "{" not in card
    found = hub.HubModel.from_pretrained(str(tmp_path / "mine"))
    pipeline = soundvcm.load(found.file, device="cpu")
    assert pipeline.sampling.kind == "mean" and pipeline.network.config.two_time


def test_what_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match="no SoundVCM network"):
        hub.HubModel.from_pretrained(str(tmp_path / "empty"))
    with pytest.raises(WeightsError):
        hub.HubModel.of(weights.locate("yamnet"))
