"""Synchformer's picture tower at a tiny size against a plain loop; segments, still shots, names."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from soundvcm.encoders import synchformer
from soundvcm.encoders.base import VideoEncoder
from soundvcm.encoders.synchformer import (
    PREFIX,
    DividedAttention,
    Pool,
    SynchformerEncoder,
    SyncTower,
    load_sync_tower,
    synchformer_encoder,
)
from soundvcm.errors import ShapeError, WeightsError
from soundvcm.timeline import Timeline

WIDTH, HEADS = 12, 2


@pytest.fixture(scope="module")
def tower():
    torch.manual_seed(0)
    tower = SyncTower(WIDTH, HEADS, layers=1)
    for parameter in tower.parameters():
        nn.init.normal_(parameter, std=0.2)
    return tower.eval().requires_grad_(False)


def frames_of(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 224, 224, 3), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("along_time", [True, False])
def test_divided_attention_equals_a_loop_over_tokens(monkeypatch, along_time):
    """Every token sees the class token and its own group; the class token sees all."""
    monkeypatch.setattr(synchformer, "PLACES", 3)
    torch.manual_seed(1)
    attention, moments = DividedAttention(WIDTH, HEADS), 4
    x = torch.randn(1, 1 + moments * 3, WIDTH)
    with torch.no_grad():
        found = attention(x, along_time)[0]
        query, key, value = attention.qkv(x)[0].chunk(3, dim=-1)
        rows = []
        for token in range(len(x[0])):
            if token == 0:
                seen = list(range(len(x[0])))
            else:
                moment, place = divmod(token - 1, 3)
                group = range(place, 3 * moments, 3) if along_time else range(3 * moment, 3 * moment + 3)
                seen = [0, *(1 + other for other in group)]
            heads = []
            for head in (slice(0, 6), slice(6, 12)):
                scores = (key[seen, head] @ query[token, head]) / 6**0.5
                heads.append(scores.softmax(0) @ value[seen, head])
            rows.append(torch.cat(heads))
        assert torch.allclose(found, attention.proj(torch.stack(rows)), atol=1e-5)


def test_pool_equals_pytorchs_own_encoder_layer():
    torch.manual_seed(2)
    pool = Pool(WIDTH, HEADS)
    nn.init.normal_(pool.cls_token)
    nn.init.normal_(pool.self_attn.in_proj_weight, std=0.3)
    layer = nn.TransformerEncoderLayer(
        WIDTH,
        HEADS,
        4 * WIDTH,
        activation=F.gelu,
        batch_first=True,
        norm_first=True,
        layer_norm_eps=1e-6,
        dropout=0.0,
    )
    layer.load_state_dict({name: value for name, value in pool.state_dict().items() if name != "cls_token"})
    x = torch.randn(3, 5, WIDTH)
    with torch.no_grad():
        whole = layer(torch.cat([pool.cls_token.expand(3, -1, -1), x], dim=1))
        assert torch.allclose(pool(x), whole[:, 0], atol=1e-5)


@pytest.mark.parametrize(("count", "segments"), [(1, 1), (15, 1), (16, 1), (23, 1), (24, 2), (33, 3)])
def test_tokens_match_the_timeline(tower, count, segments):
    encoder = SynchformerEncoder(tower)
    tokens = encoder.encode(frames_of(count))
    assert tokens.shape == (8 * segments, WIDTH) and tokens.dtype == torch.float32
    assert Timeline(f"{count}/25").sync_tokens == 8 * segments


def test_segments_are_the_pictures_16_from_every_8th(tower):
    frames = frames_of(32)
    tokens = SynchformerEncoder(tower, batch=2).encode(frames).view(3, 8, WIDTH)
    for index in range(3):
        alone = SynchformerEncoder(tower).encode(frames[8 * index : 8 * index + 16])
        assert torch.allclose(tokens[index], alone, atol=1e-5)


def test_halved_every_second_segment_is_made_of_its_neighbours(tower):
    frames = frames_of(48)  # 5 segments
    whole = SynchformerEncoder(tower).encode(frames).view(5, 8, WIDTH)
    seen = []
    hook = tower.register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    encoder = SynchformerEncoder(tower, halved=True)
    found = encoder.encode(frames).view(5, 8, WIDTH)
    assert sum(seen) == 3 and encoder.name != SynchformerEncoder(tower).name
    assert torch.allclose(found[::2], whole[::2], atol=1e-5)
    assert torch.allclose(found[1], torch.cat([whole[0, 4:], whole[2, :4]]), atol=1e-5)
    assert encoder.encode(frames[:40]).shape == (4 * 8, WIDTH)  # the last segment is always its own
    assert sum(seen) == 3 + 3
    hook.remove()
    assert torch.equal(encoder.encode(frames[:24]), SynchformerEncoder(tower).encode(frames[:24]))


def test_short_clip_repeats_its_last_picture(tower):
    frames = frames_of(5)
    filled = torch.cat([frames, frames[-1:].expand(11, -1, -1, -1)])
    encoder = SynchformerEncoder(tower)
    assert torch.equal(encoder.encode(frames), encoder.encode(filled))


def test_still_shots_are_encoded_once(tower):
    still = frames_of(1).expand(64, -1, -1, -1)
    moving = torch.cat([still, frames_of(16, seed=1)])
    seen = []
    hook = tower.register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    tokens = SynchformerEncoder(tower).encode(moving).view(9, 8, WIDTH)
    hook.remove()
    assert sum(seen) == 3  # the still segment, the one that changes half way, the moving one
    assert torch.equal(tokens[0], tokens[6]) and not torch.equal(tokens[6], tokens[7])


def test_it_is_a_video_encoder_with_its_own_name_in_bfloat16(tower):
    encoder = SynchformerEncoder(tower)
    assert isinstance(encoder, VideoEncoder)
    spec = encoder.frame_spec
    assert (spec.rate, spec.height, spec.width, spec.fit, spec.exact) == (25, 224, 224, "cover", True)
    torch.manual_seed(0)
    half = SyncTower(WIDTH, HEADS, layers=1).bfloat16()
    assert SynchformerEncoder(half).name == "synchformer-bfloat16" != encoder.name


def test_refusals(tower, monkeypatch, tmp_path):
    with pytest.raises(ShapeError, match="frames"):
        SynchformerEncoder(tower).encode(torch.zeros(16, 200, 224, 3, dtype=torch.uint8))
    with pytest.raises(WeightsError, match="holds no picture tower"):
        load_sync_tower({"vproj.weight": torch.zeros(2, 2)}, "sound only")
    with pytest.raises(WeightsError, match="missing: cls_token"):
        load_sync_tower({PREFIX + "norm.bias": torch.zeros(768)}, "half a file")
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"synchformer_state_dict\.pth"):
        synchformer_encoder()
