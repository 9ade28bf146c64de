"""Pictures: right values of the network, one space with words, repeats encoded once."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from unittest import mock

import pytest
import torch
from torch import Tensor

from soundvcm.encoders import ImageEncoder, TextEmbedder, VideoEncoder
from soundvcm.encoders.images import EfficientNetLite0
from soundvcm.errors import InputError, WeightsError
from soundvcm.weights import load, save


@pytest.fixture(scope="module")
def pictures() -> ImageEncoder:
    return ImageEncoder()


def ramp() -> Tensor:
    """[2, 3, 224, 224] in -1..1: two smooth patterns known by formula."""
    at = torch.arange(224) / 224
    one = torch.stack(
        [at[:, None] * at, (at[:, None] - at).abs(), torch.sin(9 * at[:, None] + 5 * at).square()]
    )
    return torch.stack([one, 1 - one.flip(1)]) * 2 - 1


def frames(count: int) -> Tensor:
    """[count, 224, 224, 3] uint8, every one different."""
    base = ((ramp()[0].permute(1, 2, 0) + 1) * 100).byte()
    return torch.stack([base.roll(7 * k, 1) for k in range(count)])


def test_it_is_a_video_encoder(pictures: ImageEncoder) -> None:
    assert isinstance(pictures, VideoEncoder)
    spec = pictures.frame_spec
    assert (spec.rate, spec.height, spec.width, spec.fit) == (Fraction(8), 224, 224, "stretch")
    assert pictures.dim == TextEmbedder().dim == 192
    assert len(set(pictures.labels)) > 990


def test_an_unsure_picture_may_say_so(pictures: ImageEncoder) -> None:
    unsure = ImageEncoder(version=3)
    old, new = pictures.encode(frames(9)), unsure.encode(frames(9))
    assert (pictures.name, unsure.name) == ("pictures-2", "pictures-3")
    assert torch.allclose(old.norm(dim=1), torch.ones(2)) and torch.allclose(
        torch.nn.functional.normalize(new, dim=1), old, atol=1e-6
    )
    top = unsure._chances(frames(9)).topk(10, dim=1).values.sum(1)
    assert bool((new.norm(dim=1) < top + 1e-6).all()) and float(new.norm(dim=1).min()) < 0.9


def test_the_bank_calls_things_as_the_encoder_does(pictures: ImageEncoder) -> None:
    kinds = json.loads((Path(__file__).parents[2] / "tiny/bank/kinds.json").read_text())
    known = {label.lower() for label in pictures.labels}
    assert not {label for kind in kinds.values() for label in kind["labels"] if label.lower() not in known}


def test_the_shape_is_lite0() -> None:
    network = EfficientNetLite0()
    assert (
        sum(p.numel() for p in network.parameters()) == 4_631_000
    )  # 4.65 M before the batch norms were folded


@torch.inference_mode()
def test_logits_are_those_of_the_original(pictures: ImageEncoder) -> None:
    """Values of PyPI efficientnet_lite_pytorch in float32; as shipped, float16 and int8, 4 %
    (all float16: 0.5 %, float32: 1e-6).
    """
    found = pictures.network(ramp())
    assert found.topk(1).indices.flatten().tolist() == [885, 885]
    expected = torch.tensor(
        [
            [0.2846, -0.1724, -0.5214, 0.761, -1.7956, -1.3545, -1.3881, -0.6518],
            [-0.3326, -0.0153, -0.5096, 0.538, -1.6552, -1.7387, -1.2543, -0.2315],
        ]
    )
    assert (found[:, ::125] - expected).norm() / expected.norm() < 0.06
    assert torch.allclose(found.amax(1), torch.tensor([8.1717, 6.6724]), rtol=0.05)


def test_one_token_in_eight_pictures(pictures: ImageEncoder) -> None:
    for count, tokens in ((1, 1), (8, 1), (9, 2)):
        found = pictures.encode(frames(count))
        assert found.shape == (tokens, 192) and found.dtype == torch.float32
        assert torch.allclose(found.norm(dim=1), torch.ones(tokens), atol=1e-5)


def test_the_same_picture_the_same_token(pictures: ImageEncoder) -> None:
    found = pictures.encode(torch.cat([frames(9), frames(9)[:1].expand(7, -1, -1, -1), frames(1)]))
    assert torch.allclose(found[2], found[0], atol=1e-6) and not torch.allclose(found[1], found[0])


def test_repeats_are_encoded_once(pictures: ImageEncoder) -> None:
    still = frames(1).expand(64, -1, -1, -1)
    with mock.patch.object(pictures, "network", wraps=pictures.network) as network:
        network.parameters = pictures.network.parameters
        found = pictures.encode(still)
    assert found.shape == (8, 192) and torch.equal(found[0], found[7])
    assert [call.args[0].shape[0] for call in network.call_args_list] == [1]


def test_tokens_are_words_of_what_is_seen(pictures: ImageEncoder) -> None:
    """A token is the average of its labels' meanings, by probability, over the ten likeliest."""
    seen = frames(1)
    token = pictures.encode(seen)[0]
    labels = pictures.top_labels(seen, 10)
    assert labels == sorted(labels, key=lambda pair: -pair[1])
    expected = sum(p * pictures.meanings[pictures.labels.index(label)] for label, p in labels)
    assert torch.allclose(token, expected / expected.norm(), atol=1e-4)


@pytest.mark.parametrize(
    ("label", "prompt", "other"),
    [
        ("beagle", "a dog barking", "birds singing"),
        ("brambling", "birds singing", "a dog barking"),
        ("ambulance", "a car driving by", "birds singing"),
        ("acoustic guitar", "a guitar playing", "a train passing"),
        ("steam locomotive", "a train passing", "a guitar playing"),
    ],
)
def test_labels_lie_near_the_sounds_they_make(
    pictures: ImageEncoder, label: str, prompt: str, other: str
) -> None:
    row = next(k for k, name in enumerate(pictures.labels) if name.lower() == label)
    near, far = TextEmbedder().encode([prompt, other])[:, 0] @ pictures.meanings[row]
    assert near > far + 0.2


def test_wrong_input_and_wrong_files(pictures: ImageEncoder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="uint8"):
        pictures.encode(frames(1).float())
    with pytest.raises(InputError, match="h=224"):
        pictures.encode(frames(1)[:, :100])
    other = tmp_path / "other.safetensors"
    save(other, {"table": torch.zeros(2, 3)}, {"licence": "MIT"})
    with pytest.raises(WeightsError, match="not a picture encoder"):
        ImageEncoder(other)
    with pytest.raises(WeightsError, match="cannot be read"):
        ImageEncoder(tmp_path / "none.safetensors")


def test_int8_rows_are_read_with_their_scales(tmp_path: Path, pictures: ImageEncoder) -> None:
    """The shipped classifier is int8; a file of the same numbers in float16 gives the same network."""
    tensors, facts = load("pictures")
    assert tensors["network.labels.weight"].dtype == torch.int8
    whole = {name: value for name, value in tensors.items() if not name.endswith(".scale")}
    for name in set(tensors) - set(whole):
        rows = tensors[name].view(-1, *[1] * (tensors[name[:-6]].dim() - 1))
        whole[name[:-6]] = tensors[name[:-6]] * rows
    save(tmp_path / "plain.safetensors", whole, facts)
    plain = ImageEncoder(tmp_path / "plain.safetensors")
    assert torch.equal(plain.network.labels.weight, pictures.network.labels.weight)
    assert torch.equal(plain.encode(frames(9)), pictures.encode(frames(9)))
