"""Parts `sync_tower`, `sync_offset`, `clip_tokens`, `encoder_keys`: the paper's encoders against the
reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from golden_rules import weight
from torch import Tensor, nn

from parity.case import Case, Check
from soundvcm.encoders.clip import ClipConfig, load_towers
from soundvcm.encoders.clip_tokens import tokenize
from soundvcm.encoders.synchformer import PREFIX, SEGMENT_FRAMES, SEGMENT_HOP, load_sync_tower
from soundvcm.encoders.synchformer_av import Synchformer, load_synchformer

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def keep_outputs(modules: dict[str, nn.Module]) -> dict[str, Tensor]:
    """First row of the output of each module, filled in by the next call."""
    seen: dict[str, Tensor] = {}
    for name, module in modules.items():
        module.register_forward_hook(lambda _m, _i, output, name=name: seen.__setitem__(name, output[0]))
    return seen


def run_sync_tower(case: Case) -> Iterator[Check]:
    """One segment with its stages, then two overlapping segments; real size."""
    stored = case.arrays()
    raw = {key: torch.from_numpy(value) for key, value in case.weights().items()}
    for label in case.configuration["formats"]:
        tower, limit = load_sync_tower(raw, case.name, DTYPES[label]), case.limit(label)
        block = tower.blocks[0]
        seen = keep_outputs(
            {
                "patch_tokens": tower.patch_embed_3d,
                "block0_timeattn": block.timeattn,
                "block0_spaceattn": block.attn,
                "block0": block,
                "block11": tower.blocks[11],
                "norm": tower.norm,
            }
        )
        video = torch.from_numpy(case.input("video16", (1, 16, 3, 224, 224))).to(DTYPES[label])
        tokens_of_one = tower(video)[0]
        yield Check(f"one segment {label}", tokens_of_one, stored["feat_one_segment"], limit)
        seen["patch_tokens"] = seen["patch_tokens"].flatten(1).T
        stages = case.limit(f"{label} stages")
        for name, tokens in seen.items():
            found = tokens[torch.from_numpy(stored[f"tokens_{name}"])][:, :16]
            yield Check(f"{name} {label}", found, stored[f"at_{name}"], stages)
        if label == "float64":
            exact = stored["feat_one_segment_f64_row0"]
            yield Check("exact row", tokens_of_one[0], exact, case.limit("exact"))
        video = torch.from_numpy(case.input("video24", (1, 24, 3, 224, 224))).to(DTYPES[label])
        pieces = [video[:, at : at + SEGMENT_FRAMES] for at in (0, SEGMENT_HOP)]
        both = torch.cat([tower(piece)[0] for piece in pieces])
        batch = tower(torch.cat(pieces)).flatten(0, 1)
        yield Check(f"two segments as one batch {label}", batch, both, limit)
        yield Check(f"two segments {label}", both, stored["feat_two_segments"], limit)


def run_sync_offset(case: Case) -> Iterator[Check]:
    """The audio tower and the offset head (without the picture tower, compared elsewhere)."""
    stored = case.arrays()
    for label in case.configuration["formats"]:
        with torch.device("meta"):
            network = Synchformer()
        own = {key: shape for key, shape in case.shapes().items() if not key.startswith(PREFIX)}
        state = {key: torch.from_numpy(weight(key, shape, case.salt)) for key, shape in own.items()}
        fit = network.load_state_dict(state, strict=False, assign=True)
        assert not fit.unexpected_keys and all(key.startswith(PREFIX) for key in fit.missing_keys)
        network.to(DTYPES[label]).eval()

        def given(role: str, *shape: int, dtype: torch.dtype = DTYPES[label]) -> Tensor:
            return torch.from_numpy(case.input(role, shape)).to(dtype)

        limit = case.limit(label)
        audio = network.afeat_extractor(given("spec", 1, 2, 1, 128, 66)[0])
        yield Check(f"audio tokens {label}", audio, stored["audio_feat_two_segments"], limit)
        visual, sound = given("vis", 2, 14, 8, 768), given("aud", 2, 14, 6, 768)
        logits = network.offset_logits(visual, sound)
        yield Check(f"logits {label}", logits, stored["logits"], case.limit(f"{label} logits"))
        if label == "float64":
            exact = case.limit("exact")
            yield Check("exact token", audio[0, 0], stored["audio_feat_two_segments_f64_seg0_tok0"], exact)
            yield Check("vproj", network.vproj(visual).flatten()[:16], stored["vproj_first16"], exact)
            yield Check("aproj", network.aproj(sound).flatten()[:16], stored["aproj_first16"], exact)


def run_clip_tokens(case: Case) -> Iterator[Check]:
    """Numbers of every prompt, exactly."""
    facts: dict[str, Any] = case.values()
    numbers = tokenize(facts["prompts"]).numpy()
    yield Check("ids", numbers, np.array(facts["ids"]), 0, "exact")
    ends = (numbers == 49_407).argmax(1) + 1
    yield Check("lengths", ends, np.array(facts["n_tokens_incl_sot_eot"]), 0, "exact")


def run_keys(case: Case) -> Iterator[Check]:
    """A real-size module takes exactly the names and shapes of the public file."""
    with torch.device("meta"):
        file = {name: torch.empty(shape) for name, shape in case.shapes().items()}
    if case.configuration["encoder"] == "clip":
        towers = load_towers(file, ClipConfig(), case.name)
        total = sum(value.numel() for tower in towers for value in tower.state_dict().values())
        unused = file["text_projection"].numel() + 1
        yield Check("elements", total + unused, sum(value.numel() for value in file.values()), 0, "exact")
    elif case.configuration["encoder"] == "synchformer":
        tower = load_sync_tower(file, case.name)
        ours = {PREFIX + name: tuple(value.shape) for name, value in tower.state_dict().items()}
        yield Check("names and shapes", ours == case.shapes(), True, 0, "exact")
    else:
        network = load_synchformer(file, case.name)
        yield Check("elements", sum(p.numel() for p in network.parameters()), 237_460_245, 0, "exact")


RUNNERS = {
    "sync_tower": run_sync_tower,
    "sync_offset": run_sync_offset,
    "clip_tokens": run_clip_tokens,
    "encoder_keys": run_keys,
}
