"""Reading and writing tensors, and strict fitting into modules."""

import pickle

import pytest
import torch
from torch import nn

from soundvcm import weights
from soundvcm.errors import WeightsError

LICENCE = {"licence": "MIT"}


def test_safetensors_round_trip_with_metadata(tmp_path):
    path = tmp_path / "deep" / "a.safetensors"
    shared = torch.arange(6.0)
    tensors = {"a": shared.view(2, 3).T, "b": shared, "h": torch.ones(2).bfloat16()}
    weights.save(path, tensors, {**LICENCE, "made": "today"})
    found, metadata = weights.load(path)
    assert metadata == {"licence": "MIT", "made": "today"}
    assert all(torch.equal(found[key], tensors[key]) for key in tensors)
    assert found["h"].dtype == torch.bfloat16
    assert [file.name for file in path.parent.iterdir()] == ["a.safetensors"]


def test_save_without_licence_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="licence"):
        weights.save(tmp_path / "a.safetensors", {"a": torch.ones(1)}, {})
    assert not list(tmp_path.iterdir())


def test_failed_save_leaves_the_old_file_and_no_clutter(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    weights.save(path, {"a": torch.ones(1)}, LICENCE)

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", fail)
    with pytest.raises(WeightsError, match="No space left"):
        weights.save(path, {"a": torch.zeros(1)}, LICENCE)
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]
    assert weights.load(path)[0]["a"].item() == 1


@pytest.mark.parametrize("old_format", [True, False])
@pytest.mark.parametrize("wrap", [None, "generator", "state_dict"])
def test_torch_files_plain_and_wrapped(tmp_path, old_format, wrap):
    state = {"a": torch.arange(3.0), "b.c": torch.ones(2, 2)}
    path = tmp_path / "weights.anything"
    torch.save(
        {wrap: state, "steps": 5} if wrap else state, path, _use_new_zipfile_serialization=not old_format
    )
    found, metadata = weights.load(path)
    assert set(found) == {"a", "b.c"} and torch.equal(found["a"], state["a"]) and metadata == {}


def test_a_pickle_with_code_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Evil()))
    for name in ("evil.pth", "plain.pkl"):
        with pytest.raises(WeightsError, match="more than tensors|damaged"):
            weights.load(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_broken_files_give_one_line(tmp_path):
    weights.save(tmp_path / "a.safetensors", {"a": torch.ones(100)}, LICENCE)
    torch.save({"a": torch.ones(100)}, tmp_path / "a.pth")
    for name in ("a.safetensors", "a.pth"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(WeightsError, match="damaged") as caught:
            weights.load(tmp_path / name)
        assert "\n" not in str(caught.value)
    (tmp_path / "text").write_text("hello, this is text")
    with pytest.raises(WeightsError, match="PyTorch"):
        weights.load(tmp_path / "text")
    with pytest.raises(WeightsError, match="cannot be read"):
        weights.load(tmp_path / "missing.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="no table of tensors"):
        weights.load(tmp_path / "list.pth")


def test_fit_names_what_is_wrong_in_one_line():
    module = nn.Linear(3, 2)
    good = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    weights.fit(module, {**good, "old": torch.ones(1)}, "w", drop=["old"])
    assert torch.equal(module.weight, torch.ones(2, 3))
    with pytest.raises(WeightsError, match="missing: bias.*unexpected: biases") as caught:
        weights.fit(module, {"weight": good["weight"], "biases": good["bias"]}, "linear.pth")
    assert "linear.pth does not fit Linear" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(WeightsError, match=r"shape: weight \[3, 2\] instead of \[2, 3\]"):
        weights.fit(module, {**good, "weight": torch.ones(3, 2)}, "w")
    many = {f"x{i}": torch.ones(1) for i in range(9)}
    with pytest.raises(WeightsError, match="unexpected: x0, x1, x2 and 6 more"):
        weights.fit(module, {**good, **many}, "w")


def test_fit_into_a_meta_module_takes_the_tensors_themselves():
    with torch.device("meta"):
        module = nn.Linear(3, 2)
    given = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    weights.fit(module, given, "w")
    assert module.weight.data_ptr() == given["weight"].data_ptr()
    assert module(torch.ones(3)).tolist() == [3, 3]
