"""What every call needs of the conditions: absent parts, lengths, sync on time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_networks import loud, small_conditions, small_config

from soundvcm.errors import InputError, ShapeError
from soundvcm.network.conditioning import Encoded, patched


def same(a: Encoded, b: Encoded) -> bool:
    names = ("semantic", "text", "pooled", "sync", "sync_input")
    pairs = [(getattr(a, name), getattr(b, name)) for name in names]
    return all(x is y or torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("part", ["semantic", "sync", "text"])
def test_absent_rows_do_not_depend_on_what_lies_there(part: str) -> None:
    config = small_config(sync_to_input=True)
    network, given = loud(config), small_conditions(config)
    absent = given.without(**{part: torch.tensor([True, False])})
    junk = getattr(given, part).clone()
    junk[0] = 1e4
    assert same(network.encode(absent, 10), network.encode(replace(absent, **{part: junk}), 10))
    assert not same(network.encode(absent, 10), network.encode(given, 10))


def test_absent_is_the_learned_empty_one() -> None:
    config = small_config()
    network, given = loud(config), small_conditions(config)
    filled = replace(
        given,
        semantic=network.conditions.empty_semantic.expand(2, 3, -1),
        sync=network.conditions.empty_sync.expand(2, 8, -1),
        text=network.conditions.empty_text.expand(2, 1, -1),
    )
    assert same(network.encode(given.empty(), 10), network.encode(filled, 10))


def test_empty_text_is_learned_or_kept() -> None:
    learned, kept = loud(small_config(learned_empty_text=True)), loud(small_config())
    assert "conditions.empty_text" in dict(learned.named_parameters())
    assert "conditions.empty_text" in dict(kept.named_buffers())
    assert set(learned.state_dict()) == set(kept.state_dict())


def test_one_token_of_no_text_fits_every_length() -> None:
    config = small_config()
    network = loud(config)
    for words in (1, 4, 20):
        encoded = network.encode(small_conditions(config, words=words).without(text=True), 10)
        assert encoded.text.shape == (2, words, 16)


def test_lengths_that_do_not_fit_are_named() -> None:
    config = small_config(text_tokens=7)
    with pytest.raises(ShapeError, match="text .*3.* 7"):
        loud(config).encode(small_conditions(config, words=3), 10)
    segments = small_config(segment_tokens=4)
    with pytest.raises(ShapeError, match="sync .*6.* 4"):
        loud(segments).encode(small_conditions(segments, g=6), 10)
    wide = replace(small_conditions(small_config()), semantic=torch.zeros(2, 3, 9))
    with pytest.raises(ShapeError, match="semantic has shape"):
        loud(small_config()).encode(wide, 10)


def test_sync_positions_repeat_with_each_segment() -> None:
    config = small_config(segment_tokens=4)
    network, given = loud(config), small_conditions(config)
    position = network.conditions.sync_position
    assert position is not None and position.shape == (1, 1, 4, 5)
    shifted = replace(given, sync=given.sync + position[0].repeat(1, 2, 1))
    without = network.encode(given, 10)
    with torch.no_grad():
        position.zero_()
    torch.testing.assert_close(network.encode(shifted, 10).sync, without.sync)


def test_rows_and_cat_are_inverse() -> None:
    config = small_config(sync_to_input=True)
    network, given = loud(config), small_conditions(config, batch=3)
    encoded = network.encode(given, 10)
    parts = [encoded.rows(torch.tensor([i])) for i in range(3)]
    assert [part.batch for part in parts] == [1, 1, 1]
    assert same(Encoded.cat(parts), encoded)
    assert encoded.rows(torch.tensor([True, False, True])).batch == 2


def test_cat_refuses_other_lengths() -> None:
    config = small_config()
    network = loud(config)
    with pytest.raises(ShapeError, match="different lengths"):
        Encoded.cat([network.encode(small_conditions(config), n) for n in (10, 11)])
    two = [network.encode(small_conditions(config, words=words), 10) for words in (1, 2)]
    with pytest.raises(ShapeError, match="text"):
        Encoded.cat(two)
    with pytest.raises(InputError, match="nothing to concatenate"):
        Encoded.cat([])


def test_patching_pads_with_zeros() -> None:
    x = torch.arange(10.0).view(1, 5, 2)
    assert patched(x, 1) is x
    assert patched(x, 2)[0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 0]]


def test_sync_at_the_input_is_accurate_to_the_latent() -> None:
    """One changed sync token reaches the latents around its own time only, also inside a patch."""
    config = small_config(
        sync_to_input=True, sync_kernel=3, sync_ratio=0.8, patch=1, sync_to_modulation=False
    )
    network, given = loud(config), small_conditions(config, g=40)
    sync = given.sync.clone()
    sync[:, 20] += 1.0
    before, after = network.encode(given, 50), network.encode(replace(given, sync=sync), 50)
    assert before.sync is None and before.sync_input is not None and after.sync_input is not None
    changed = (before.sync_input - after.sync_input).abs().amax(dim=(0, 2)) > 1e-7
    touched = torch.nonzero(changed).flatten()
    reach = [(20 + d + 0.5) / 0.8 - 0.5 for d in (-3, 3)]
    assert touched.min() >= reach[0] and touched.max() <= reach[1]
    assert bool(changed[25])


def test_patched_sync_keeps_the_order_inside_a_token() -> None:
    config = small_config(sync_to_input=True, patch=2, sync_to_modulation=False)
    fine = loud(config).conditions.sync_fine
    assert fine is not None
    sync = small_conditions(config, g=8).sync
    one = fine(sync, 8)
    fine.patch = 1
    weight = fine.out.weight.detach().clone()
    fine.out = torch.nn.Linear(8, 16)
    with torch.no_grad():
        fine.out.bias.zero_()
        fine.out.weight.copy_(weight[:, :8])
        early = fine(sync, 8)[:, 0::2]
        fine.out.weight.copy_(weight[:, 8:])
        late = fine(sync, 8)[:, 1::2]
    bias = one - early - late
    torch.testing.assert_close(bias, bias[:1, :1].expand_as(bias))


def test_modulating_sync_is_averaged_over_a_patch() -> None:
    config = small_config(patch=2)
    network, given = loud(config), small_conditions(config, g=6)
    found = network.encode(given, 5).sync
    projection = network.conditions.sync_in
    assert found is not None and projection is not None
    nearest = projection(given.sync)[:, torch.tensor([0, 1, 3, 4, 5, 5])]
    torch.testing.assert_close(found, nearest.view(2, 3, 2, 16).mean(2))
