"""The example notebook runs from top to bottom: cell by cell, and where there is a kernel as in Jupyter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "soundtrack.ipynb"


def cells() -> list[str]:
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert all(not cell.get("outputs") for cell in found["cells"]), "committed without outputs"
    return ["".join(cell["source"]) for cell in found["cells"] if cell["cell_type"] == "code"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_the_cells_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT / "examples")
    monkeypatch.setenv("MPLBACKEND", "agg")
    names: dict[str, Any] = {}
    for number, source in enumerate(cells()):
        exec(compile(source, f"cell {number}", "exec"), names)
    assert names["take"].seed == 7 and names["take"].wave.shape == (1, 7 * 16_000)
    assert set(names["takes"]) == {"as seen", "with words", "four steps"}
    assert names["movie"].path.stat().st_size > 10_000 and names["sound"].samples == 7 * 16_000
    told = capsys.readouterr().out
    assert "seed 7, 1 network call" in told and "hammer.sound.mp4" in told


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_jupyter_runs_it() -> None:
    nbformat = pytest.importorskip("nbformat", reason="needs nbclient (extra [dev])")
    client = pytest.importorskip("nbclient", reason="needs nbclient (extra [dev])")
    pytest.importorskip("ipykernel", reason="needs ipykernel (extra [dev])")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    client.NotebookClient(
        notebook, timeout=280, resources={"metadata": {"path": ROOT / "examples"}}
    ).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("seed 7, 1 network call" in output.get("text", "") for output in outputs)
    assert any("audio" in str(output.get("data", {}).get("text/html", "")) for output in outputs)
