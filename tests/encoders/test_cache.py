"""Features are computed once per content and encoder, and a damaged cache never gives a wrong feature."""

import threading
from fractions import Fraction

import pytest
import torch

from soundvcm.encoders.cache import FeatureCache, content_key
from soundvcm.records import FrameSpec


class Counting:
    """An encoder that counts its calls: mean colour of each picture."""

    dim = 3
    frame_spec = FrameSpec(Fraction(8), None, None)

    def __init__(self, name="counting-1"):
        self.name, self.calls = name, 0

    def encode(self, frames):
        self.calls += 1
        return frames.float().mean((1, 2))


@pytest.fixture
def frames():
    return torch.randint(0, 256, (4, 6, 5, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def test_second_use_costs_no_encoding(frames):
    cache, encoder = FeatureCache(), Counting()
    first, second = cache.get(encoder, frames), cache.get(encoder, frames.clone())
    assert torch.equal(first, second) and torch.equal(first, encoder.encode(frames))
    assert encoder.calls == 2 and (cache.hits, cache.misses) == (1, 1)  # one of the calls is this test's own


def test_key_depends_on_content_shape_and_encoder_and_not_on_strides(frames):
    key = content_key("a", frames)
    assert key == content_key("a", frames.clone()) == content_key("a", frames.flip(0).contiguous().flip(0))
    transposed = frames.permute(0, 2, 1, 3).contiguous().permute(0, 2, 1, 3)
    assert not transposed.is_contiguous() and key == content_key("a", transposed)
    changed = frames.clone()
    changed[3, 5, 4, 2] ^= 1
    others = [
        content_key("b", frames),
        content_key("a", changed),
        content_key("a", frames.reshape(4, 5, 6, 3)),
        content_key("a", frames[:3]),
    ]
    assert len({key, *others}) == 5


def test_what_is_returned_may_be_changed_without_harm(frames):
    cache, encoder = FeatureCache(), Counting()
    cache.get(encoder, frames).zero_()
    assert cache.get(encoder, frames).abs().sum() > 0


def test_folder_outlives_the_process_and_keeps_encoders_apart(frames, tmp_path):
    first = FeatureCache(tmp_path).get(Counting(), frames)
    later, encoder = FeatureCache(tmp_path), Counting()
    assert torch.equal(later.get(encoder, frames), first) and encoder.calls == 0
    other = Counting("counting-2")
    later.get(other, frames)
    assert other.calls == 1
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2
    assert not [file for file in tmp_path.rglob("*") if file.name.startswith(".new-")]


@pytest.mark.parametrize("content", [b"", b"garbage", None])
def test_damaged_or_swapped_file_is_computed_anew(frames, tmp_path, content):
    right = FeatureCache(tmp_path).get(Counting(), frames)
    (file,) = tmp_path.rglob("*.safetensors")
    if content is None:  # the file of other pictures under this name
        FeatureCache(tmp_path).get(Counting(), frames.flip(0))
        (other,) = set(tmp_path.rglob("*.safetensors")) - {file}
        file.write_bytes(other.read_bytes())
    else:
        file.write_bytes(content)
    encoder = Counting()
    assert torch.equal(FeatureCache(tmp_path).get(encoder, frames), right) and encoder.calls == 1
    assert FeatureCache(tmp_path).get(encoder, frames) is not None and encoder.calls == 1  # repaired


def test_folder_that_cannot_be_written_costs_nothing_but_memory(frames, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    cache, encoder = FeatureCache(blocked), Counting()
    assert torch.equal(cache.get(encoder, frames), cache.get(encoder, frames))
    assert encoder.calls == 1


def test_memory_keeps_the_last_few(frames):
    cache, encoder = FeatureCache(entries=2), Counting()
    for turn in range(3):
        cache.get(encoder, frames + turn)
    cache.get(encoder, frames + 2)
    cache.get(encoder, frames + 1)
    assert encoder.calls == 3
    cache.get(encoder, frames)
    assert encoder.calls == 4


def test_threads_may_share_a_cache(frames, tmp_path):
    cache, encoder, right = FeatureCache(tmp_path), Counting(), []

    def work():
        for turn in range(12):
            given = frames + turn % 3
            right.append(torch.equal(cache.get(encoder, given), given.float().mean((1, 2))))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert right == [True] * 48 and cache.hits + cache.misses == 48
