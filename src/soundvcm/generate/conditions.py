"""Features of a clip and a prompt => what the network is told: values where there are any, flags where not.

Knows features and reference sounds; no network.
"""

from __future__ import annotations

import torch
from torch import Tensor

from soundvcm.generate.clip_encoder import ClipFeatures
from soundvcm.generate.reference_sounds import ReferenceSounds
from soundvcm.records import Conditions


def conditions_of(
    features: ClipFeatures,
    words: Tensor,
    dims: tuple[int, int],
    tokens: tuple[int, int],
    prompt: str,
    ignore_pictures: bool,
    reference: ReferenceSounds | None,
) -> Conditions:
    """A batch of one; a blank prompt is no text.

    With reference sounds a prompt outweighs the pictures, which the network would else believe more, and
    without a video the motion is that of a drawn scene of the prompt's kind.

    Args:
        features: of the clip.
        words: [1 l r] of the prompt.
        dims: of the features (semantic, sync).
        tokens: how many of them where there are none.
        prompt: as given.
        ignore_pictures: tell nothing of what the pictures show.
        reference: the system's reference sounds, None without.
    """
    semantic, sync = features.semantic, features.sync
    if reference is not None and prompt.strip():
        ignore_pictures = True
        if sync is None and semantic is None:
            sync = reference.course(prompt, tokens[1])
    shown, moved = (torch.zeros(count, dim) for count, dim in zip(tokens, dims, strict=True))
    return Conditions(
        semantic=(shown if semantic is None else semantic)[None],
        sync=(moved if sync is None else sync)[None],
        text=words,
        has_semantic=torch.tensor([semantic is not None and not ignore_pictures]),
        has_sync=torch.tensor([sync is not None]),
        has_text=torch.tensor([bool(prompt.strip())]),
    )


def token_counts(features: ClipFeatures, pictures_per_token: int) -> tuple[int, int]:
    """Tokens (semantic, sync) that a network is given of a clip."""
    lines = features.timeline
    # As many tokens of "nothing" as the encoder would have given: attention counts them.
    shown = -(-lines.semantic_frames // pictures_per_token)
    return (
        shown if features.semantic is None else len(features.semantic),
        lines.sync_tokens if features.sync is None else len(features.sync),
    )
