"""The page and what the service tells of itself: one table of defaults, local files, a strip at once."""

from __future__ import annotations

import inspect
import re
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from soundvcm import __version__
from soundvcm.cli.commands.generate import generate
from soundvcm.generate.options import DEFAULTS
from soundvcm.web.clip import movement, png
from soundvcm.web.metrics import COUNTERS, GAUGES, Metrics

STATIC = Path(inspect.getfile(Metrics)).parent / "static"


class Controls(HTMLParser):
    """Collects controls, labels and ids."""

    def __init__(self) -> None:
        super().__init__()
        self.controls: list[dict[str, str]] = []
        self.labels: set[str] = set()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.within: list[str] = []
        self.wrapped: set[int] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids += [values["id"]] if "id" in values else []
        self.addresses += [values[name] for name in ("href", "src", "action") if name in values]
        if tag == "label":
            self.labels.add(values.get("for", ""))
            self.within.append(tag)
        if tag in ("input", "select", "textarea"):
            self.wrapped |= {len(self.controls)} if self.within else set()
            self.controls.append(values)

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self.within.pop()


def parsed() -> Controls:
    controls = Controls()
    controls.feed((STATIC / "index.html").read_text(encoding="utf-8"))
    return controls


def test_one_table_of_defaults(serve: Any) -> None:
    """Case 27: page, Python and command line read the same defaults; so does the service's own form."""
    served = serve()
    shown = served.get("/api/defaults").json()["defaults"]
    line = {name: p.default for name, p in inspect.signature(generate).parameters.items()}
    assert set(shown) > {"prompt", "duration", "seed", "num_steps", "takes", "gain", "loudness"}
    for name, value in shown.items():
        assert value == getattr(DEFAULTS, name) == line[name], name
    described = served.get("/api/openapi.json").json()["components"]["schemas"]
    form = described["Body_submit_api_jobs_post"]["properties"]
    for name, value in shown.items():
        assert form[name].get("default") == value, name
    # The page writes no value of its own: every field of the table it shows is filled from the service.
    fields = {control["name"]: control for control in parsed().controls if "name" in control}
    assert set(fields) <= set(shown)
    assert set(shown) - set(fields) == {"sample_rate", "segments"}  # parts have a table of their own
    assert not [name for name, control in fields.items() if "value" in control or "checked" in control]


def test_every_control_has_a_label_and_a_place_for_its_error() -> None:
    page = parsed()
    assert len(page.ids) == len(set(page.ids))
    for k, control in enumerate(page.controls):
        assert control.get("id") in page.labels or k in page.wrapped or "aria-label" in control, control
        for place in control.get("aria-describedby", "").split():
            assert place in page.ids
    for control in page.controls:
        if control.get("name") and control.get("type") not in ("checkbox",) and "describedby" in str(control):
            assert f"{control['name']}-error" in page.ids
    script = "".join(path.read_text() for path in STATIC.glob("*.js"))
    for name in re.findall(r'\bat\("([\w-]+)"\)', script):
        assert name in page.ids, name


def test_the_page_needs_nothing_from_elsewhere(serve: Any) -> None:
    served = serve()
    page = served.get("/")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    texts = {path.name: path.read_text(encoding="utf-8") for path in STATIC.iterdir() if path.is_file()}
    for name, text in texts.items():
        assert not re.search(
            r"https?://|//\w+\.\w+|@import|url\(", re.sub(r"^\s*//.*$", "", text, flags=re.M)
        ), name
        assert len(text.splitlines()) <= 300
    for address in parsed().addresses:
        if address.startswith("/"):
            assert served.get(address).status_code == 200, address
        else:
            assert address.startswith(("#", "data:")), address
    for name in texts:
        for other in re.findall(r'from "\./([\w.]+)"', texts[name]):
            answer = served.get(f"/static/{other}")
            assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/javascript")
    # What the scripts ask for exists.
    paths = served.get("/api/openapi.json").json()["paths"]
    for address in re.findall(r'["`](/api/[^"`]+)["`]', "".join(texts.values())):
        shape = re.sub(r"\$\{[^}]+\}", "{}", address.split("?")[0])
        assert shape in {re.sub(r"\{\w+\}", "{}", path) for path in paths}, address


def test_strip_and_movement_at_once(serve: Any, clip: Path) -> None:
    served = serve()
    found = served.client.post("/api/clips", files={"video": (clip.name, clip.read_bytes())}).json()
    assert found["seconds"] == 4.0 and found["length"] == "4" and found["warnings"] == []
    assert (found["width"], found["height"], found["codec"]) == (48, 32, "h264")
    assert found["pictures"] == 16 and len(found["motion"]) == 100 and max(found["motion"]) == 1.0
    answer = served.get(f"/api/clips/{found['id']}/strip.png")
    assert answer.headers["content-type"] == "image/png"
    picture = unpacked(answer.content)
    assert picture.shape == (72, 16 * 128, 3)
    greys = picture[36, 64::128, 0].astype(int)  # rising grey, 125 a second, wrapping at 256
    assert (greys[1:] - greys[:-1]) % 256 == pytest.approx(31, abs=12)
    assert served.get(f"/api/clips/{found['id']}").json() == found


def unpacked(data: bytes) -> Any:
    """An unfiltered RGB PNG as an array, every checksum verified."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, size, rows = 8, (0, 0), b""
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        if kind == b"IDAT":
            rows += zlib.decompress(body)
        at += 12 + length
    width, height = size
    lines = np.frombuffer(rows, np.uint8).reshape(height, 1 + 3 * width)
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape(height, width, 3)


def test_png_and_movement_by_hand() -> None:
    picture = torch.arange(2 * 3 * 3, dtype=torch.uint8).reshape(2, 3, 3)
    assert (unpacked(png(picture)) == picture.numpy()).all()
    frames = torch.zeros(4, 2, 2, 3, dtype=torch.uint8)
    frames[1:] += 10
    frames[3:] += 30
    assert movement(frames) == [0.0, pytest.approx(0.3333, abs=1e-4), 0.0, 1.0]
    assert movement(frames[:1]) == [0.0] and movement(torch.zeros(2, 2, 2, 3)) == [0.0, 0.0]


def test_health_and_models(serve: Any) -> None:
    served = serve(seconds=42)
    health = served.get("/api/health").json()
    assert health.pop("disk_free") > 0
    assert health == {
        "status": "ok",
        "worker": "idle",
        "waiting": 0,
        "running": 0,
        "version": __version__,
        "model": "standin",
    }
    models = served.get("/api/models").json()
    assert models["loaded"]["name"] == "standin" and models["loaded"]["steps"] == 1
    assert models["loaded"]["cfg_strength"] is False and models["loaded"]["negative_prompt"] is False
    assert {"tiny", "large_44k_v2"} <= {row["name"] for row in models["known"]}
    assert served.get("/api/defaults").json()["limits"]["seconds"] == 42


def test_metrics_count_what_happened(serve: Any, clip: Path) -> None:
    served = serve()

    def value(name: str) -> float:
        (found,) = re.findall(rf"^{re.escape(name)} (\S+)$", served.get("/metrics").text, re.M)
        return float(found)

    assert served.get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")
    assert value("soundvcm_network_calls_total") == 0
    job = served.submit(clip, takes="2", num_steps="3")
    served.finish(job)
    served.until(lambda: value("soundvcm_job_seconds_count") == 1)
    assert value('soundvcm_jobs_total{state="done"}') == 1
    assert value("soundvcm_network_calls_total") == 6
    assert value("soundvcm_sound_seconds_total") == 8
    assert value("soundvcm_uploads_total") == 1
    assert value("soundvcm_upload_bytes_total") == clip.stat().st_size
    assert value("soundvcm_stored_bytes") > clip.stat().st_size
    assert value('soundvcm_phase_seconds_total{phase="network"}') > 0
    assert value('soundvcm_job_seconds_bucket{le="+Inf"}') == 1


def test_metrics_by_hand() -> None:
    metrics = Metrics()
    metrics.observe(0.2)
    metrics.observe(7.0)
    metrics.observe(1e6)
    lines = metrics.text(dict.fromkeys(GAUGES, 2)).splitlines()
    assert 'soundvcm_job_seconds_bucket{le="0.1"} 0' in lines
    assert 'soundvcm_job_seconds_bucket{le="0.25"} 1' in lines
    assert 'soundvcm_job_seconds_bucket{le="10"} 2' in lines
    assert 'soundvcm_job_seconds_bucket{le="+Inf"} 3' in lines
    assert sum(line.startswith("# TYPE") for line in lines) == len(COUNTERS) + len(GAUGES) + 1
    for line in lines:
        assert line.startswith("# ") or re.fullmatch(r'soundvcm_\w+(\{\w+="[^"]*"\})? \S+', line)


def test_the_reference_names_every_address_and_loads_nothing(serve: Any) -> None:
    served = serve()
    page = served.get("/api/docs").text
    for path in served.get("/api/openapi.json").json()["paths"]:
        assert path in page, path
    assert "Idempotency-Key" in page or "idempotency-key" in page
    assert not re.search(r"https?://|<script", page)


def test_openapi_describes_every_address(serve: Any) -> None:
    described = serve().get("/api/openapi.json").json()
    assert {
        "/api/jobs",
        "/api/jobs/{job}",
        "/api/jobs/{job}/events",
        "/api/jobs/{job}/cancel",
        "/api/jobs/{job}/takes/{take}",
        "/api/jobs/{job}/takes/{take}/{kind}",
        "/api/clips",
        "/api/clips/{clip}/strip.png",
        "/api/health",
        "/api/models",
        "/api/defaults",
        "/metrics",
    } <= set(described["paths"])
    for path, methods in described["paths"].items():
        for method, facts in methods.items():
            assert facts.get("description"), f"{method} {path}"
    assert "Problem" in described["components"]["schemas"]
