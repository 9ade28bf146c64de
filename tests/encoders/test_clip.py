"""CLIP's towers against a plain restatement with PyTorch's own attention, at a tiny size; batches, repeats,
names.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from soundvcm.encoders.base import TextEncoder, VideoEncoder
from soundvcm.encoders.clip import (
    MEAN,
    STD,
    ClipConfig,
    ClipPictureEncoder,
    ClipTextEncoder,
    clip_encoders,
    load_towers,
    nearly_distinct,
)
from soundvcm.encoders.clip_tokens import tokenize
from soundvcm.errors import InputError, OptionError, ShapeError, WeightsError

TINY = ClipConfig(
    width=20,
    layers=2,
    heads=2,
    patch=4,
    grid=3,
    picture=14,
    dim=6,
    text_width=12,
    text_layers=2,
    text_heads=3,
)


def block_shapes(prefix, width):
    return {
        f"{prefix}.ln_1.weight": (width,),
        f"{prefix}.ln_1.bias": (width,),
        f"{prefix}.attn.in_proj_weight": (3 * width, width),
        f"{prefix}.attn.in_proj_bias": (3 * width,),
        f"{prefix}.attn.out_proj.weight": (width, width),
        f"{prefix}.attn.out_proj.bias": (width,),
        f"{prefix}.ln_2.weight": (width,),
        f"{prefix}.ln_2.bias": (width,),
        f"{prefix}.mlp.c_fc.weight": (4 * width, width),
        f"{prefix}.mlp.c_fc.bias": (4 * width,),
        f"{prefix}.mlp.c_proj.weight": (width, 4 * width),
        f"{prefix}.mlp.c_proj.bias": (width,),
    }


def made_state():
    """A state dict with open_clip's names at the tiny size."""
    shapes = {
        "positional_embedding": (77, 12),
        "text_projection": (12, 6),
        "logit_scale": (),
        "visual.class_embedding": (20,),
        "visual.positional_embedding": (10, 20),
        "visual.proj": (20, 6),
        "visual.conv1.weight": (20, 3, 4, 4),
        "token_embedding.weight": (49408, 12),
    }
    for name, width in (("visual.ln_pre", 20), ("visual.ln_post", 20), ("ln_final", 12)):
        shapes |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    for layer in range(2):
        shapes |= block_shapes(f"visual.transformer.resblocks.{layer}", 20)
        shapes |= block_shapes(f"transformer.resblocks.{layer}", 12)
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) * 0.3 for name, shape in shapes.items()}


STATE = made_state()


def plain_block(x, prefix, heads, mask=None):
    """The block once more, from PyTorch's own multi-head attention."""
    own = {
        name.removeprefix(prefix + "."): value
        for name, value in STATE.items()
        if name.startswith(prefix + ".")
    }
    width = x.shape[-1]
    attention = nn.MultiheadAttention(width, heads, batch_first=True)
    attention.load_state_dict(
        {name.removeprefix("attn."): value for name, value in own.items() if name.startswith("attn.")}
    )
    normed = F.layer_norm(x, (width,), own["ln_1.weight"], own["ln_1.bias"])
    x = x + attention(normed, normed, normed, need_weights=True, attn_mask=mask)[0]
    hidden = F.linear(
        F.layer_norm(x, (width,), own["ln_2.weight"], own["ln_2.bias"]),
        own["mlp.c_fc.weight"],
        own["mlp.c_fc.bias"],
    )
    hidden = hidden * torch.sigmoid(1.702 * hidden)
    return x + F.linear(hidden, own["mlp.c_proj.weight"], own["mlp.c_proj.bias"])


@pytest.fixture(scope="module")
def towers():
    return load_towers(STATE, TINY, "tiny clip")


@pytest.fixture
def frames():
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (5, 14, 14, 3), generator=generator, dtype=torch.uint8)


@torch.no_grad()
def test_pictures_equal_the_plain_restatement(towers, frames):
    found = ClipPictureEncoder(towers[0], TINY).encode(frames)
    pictures = frames.permute(0, 3, 1, 2)[..., :12, :12] / 255
    pictures = (pictures - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    # Patches by hand: [f, 3, 3, 4, 3, 4] => one row of pixels for each of the nine places.
    rows = (
        pictures.unflatten(2, (3, 4)).unflatten(4, (3, 4)).permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
    )
    x = rows @ STATE["visual.conv1.weight"].flatten(1).T
    x = (
        torch.cat([STATE["visual.class_embedding"].expand(5, 1, -1), x], 1)
        + STATE["visual.positional_embedding"]
    )
    x = F.layer_norm(x, (20,), STATE["visual.ln_pre.weight"], STATE["visual.ln_pre.bias"])
    for layer in range(2):
        x = plain_block(x, f"visual.transformer.resblocks.{layer}", 2)
    x = F.layer_norm(x, (20,), STATE["visual.ln_post.weight"], STATE["visual.ln_post.bias"])[:, 0]
    x = x @ STATE["visual.proj"]
    assert torch.allclose(found, x / x.norm(dim=-1, keepdim=True), atol=1e-5)


@torch.no_grad()
def test_texts_equal_the_plain_restatement(towers):
    texts = ["a dog barks", "", "Rain &amp; thunder!"]
    found = ClipTextEncoder(towers[1]).encode(texts)
    x = STATE["token_embedding.weight"][tokenize(texts)] + STATE["positional_embedding"]
    mask = torch.full((77, 77), float("-inf")).triu(1)
    for layer in range(2):
        x = plain_block(x, f"transformer.resblocks.{layer}", 3, mask)
    x = F.layer_norm(x, (12,), STATE["ln_final.weight"], STATE["ln_final.bias"])
    assert found.shape == (3, 77, 12)
    assert torch.allclose(found, x / x.norm(dim=-1, keepdim=True), atol=1e-5)


def test_they_are_encoders(towers):
    picture, text = ClipPictureEncoder(towers[0], TINY), ClipTextEncoder(towers[1])
    assert isinstance(picture, VideoEncoder) and isinstance(text, TextEncoder)
    assert (picture.dim, text.dim, text.tokens) == (6, 12, 77)
    spec = ClipPictureEncoder(towers[0], ClipConfig()).frame_spec
    assert (spec.rate, spec.height, spec.width, spec.fit, spec.exact) == (8, 384, 384, "stretch", True)


def test_batches_do_not_change_the_result_and_repeats_are_encoded_once(towers, frames):
    right = ClipPictureEncoder(towers[0], TINY, batch=5).encode(frames)
    assert torch.allclose(ClipPictureEncoder(towers[0], TINY, batch=2).encode(frames), right, atol=1e-6)
    seen = []
    hook = towers[0].register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    repeated = frames[[0, 0, 0, 1, 1, 0]]
    found = ClipPictureEncoder(towers[0], TINY, batch=8).encode(repeated)
    hook.remove()
    assert sum(seen) == 3 and torch.allclose(found, right[[0, 0, 0, 1, 1, 0]], atol=1e-6)


def test_near_repeats_are_spared_only_on_request(towers, frames):
    close = frames[:1].repeat(4, 1, 1, 1).int()
    close[1] += 1  # one step brighter
    close[2] += 2
    close[3] = close[3].flip(0)
    close = close.clamp(0, 255).to(torch.uint8)
    kept, where = nearly_distinct(close, 1.5)
    assert kept.tolist() == [0, 2, 3] and where.tolist() == [
        0,
        0,
        1,
        2,
    ]  # drift is measured from what was kept
    exact = ClipPictureEncoder(towers[0], TINY)
    near = ClipPictureEncoder(towers[0], TINY, tolerance=1.5)
    found, right = near.encode(close), exact.encode(close)
    assert torch.equal(found[1], found[0]) and not torch.equal(right[1], right[0])
    assert torch.allclose(found[[0, 2, 3]], right[[0, 2, 3]], atol=1e-6)
    assert (found[1] - right[1]).norm() < 0.1  # the error it costs: the encoder's answer to a step of 1 / 255
    assert near.name != exact.name
    with pytest.raises(OptionError, match="tolerance"):
        ClipPictureEncoder(towers[0], TINY, tolerance=-1)


def test_one_picture_in_so_many_is_encoded_and_the_others_lie_between(towers):
    picture, _ = towers
    grey = torch.arange(0, 90, 10, dtype=torch.uint8)[:, None, None, None].expand(-1, 14, 14, 3)
    seen = []
    hook = picture.register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    encoder = ClipPictureEncoder(picture, TINY, stride=4)
    found = encoder.encode(grey)
    hook.remove()
    assert sum(seen) == 3 and "stride4" in encoder.name
    whole = ClipPictureEncoder(picture, TINY).encode(grey)
    assert torch.allclose(found[[0, 4, 8]], whole[[0, 4, 8]], atol=1e-6)
    middle = F.normalize(whole[0] + whole[4], dim=-1)
    assert torch.allclose(found[2], middle, atol=1e-5)  # as far from one as from the other
    assert torch.allclose(encoder.encode(grey[:1]), whole[:1], atol=1e-6)


def test_nothing_is_blended_across_a_cut(towers):
    picture, _ = towers
    generator = torch.Generator().manual_seed(3)
    shots = torch.randint(0, 256, (2, 14, 14, 3), dtype=torch.uint8, generator=generator)
    frames = shots[[0, 0, 0, 1, 1]]
    whole = ClipPictureEncoder(picture, TINY).encode(frames)
    assert torch.allclose(ClipPictureEncoder(picture, TINY, stride=4).encode(frames), whole, atol=1e-6)
    with pytest.raises(OptionError):
        ClipPictureEncoder(picture, TINY, stride=0)


def test_pixels_outside_the_whole_patches_are_not_seen(towers, frames):
    encoder = ClipPictureEncoder(towers[0], TINY)
    changed = frames.clone()
    changed[:, 12:] = 0
    changed[:, :, 12:] = 255
    assert torch.equal(encoder.encode(frames), encoder.encode(changed))


def test_bfloat16_is_close_and_has_its_own_name(frames):
    half = load_towers(STATE, TINY, "tiny clip", torch.bfloat16)
    full = load_towers(STATE, TINY, "tiny clip")
    one, other = ClipPictureEncoder(half[0], TINY), ClipPictureEncoder(full[0], TINY)
    error = (one.encode(frames) - other.encode(frames)).norm() / other.encode(frames).norm()
    assert error < 0.05 and one.encode(frames).dtype == torch.float32
    assert one.name != other.name  # the cache must not mix them up


def test_same_text_twice_is_encoded_once(towers):
    encoder, seen = ClipTextEncoder(towers[1]), []
    hook = towers[1].register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    found = encoder.encode(["rain", "wind", "rain"])
    hook.remove()
    assert seen == [2] and torch.equal(found[0], found[2]) and not torch.equal(found[0], found[1])


def test_long_prompts_are_announced(towers):
    encoder = ClipTextEncoder(towers[1])
    assert encoder.warnings("a dog barks") == []
    (line,) = encoder.warnings("rain " * 76)
    assert "75 tokens" in line
    assert encoder.warnings("rain " * 75) == []


def test_refusals(towers, frames, monkeypatch, tmp_path):
    encoder = ClipPictureEncoder(towers[0], TINY)
    with pytest.raises(ShapeError, match="frames"):
        encoder.encode(frames[:, :13])
    with pytest.raises(InputError, match="uint8"):
        encoder.encode(frames.float())
    with pytest.raises(WeightsError, match="holds no picture tower"):
        load_towers({"positional_embedding": torch.zeros(77, 12)}, TINY, "text only")
    broken = {name: value for name, value in STATE.items() if name != "visual.proj"}
    with pytest.raises(WeightsError, match="missing: proj"):
        load_towers(broken, TINY, "broken")
    with pytest.raises(WeightsError, match="unexpected: odd"):
        load_towers({**STATE, "odd": torch.zeros(1)}, TINY, "odd")
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="Apple Machine Learning Research"):
        clip_encoders()
