"""The numbers that define one velocity network: widths, depths, kernels and which time it is told.

Saved with every checkpoint. Knows no tensors (importing it does not load torch) and no weights files.
"""

from __future__ import annotations

from typing import Any, Literal

import pydantic

from soundvcm.config import Config


class NetworkConfig(Config):
    """Everything `VelocityNetwork` needs to be built; the defaults are the paper's 16 kHz network.

    Attributes:
        latent_dim: channels c of the codec's latents.
        semantic_dim: width p of the picture features.
        sync_dim: width q of the motion features.
        text_dim: width r of the text features.
        hidden: width d of the network.
        heads: attention heads h; hidden / heads must be even.
        joint_blocks: blocks in which latents, pictures and text attend to one another.
        fused_blocks: latent-only blocks after them.
        text_tokens: tokens of the encoding of "no text"; 1 fits texts of every length.
        segment_tokens: sync tokens of one segment, each with a learned position; 0: no positions.
        mlp_ratio: width of the gated MLPs before the 2/3 rule, as a multiple of hidden.
        mlp_multiple: the MLP width is rounded up to a multiple of this.
        in_kernel: taps of the first convolution over latents and sync.
        in_mlp_kernel: taps of the ConvMLP behind the latents' first convolution.
        ffn_kernel: taps of the ConvMLPs in the blocks and behind the pictures and sync.
        out_kernel: taps of the projection after attention.
        final_kernel: taps of the last convolution.
        version: "v2" has SiLU in all input projections and the time features of `large_44k_v2`.
        time_features: width of the sinusoid; None: 256 (v1) or hidden (v2).
        time_period: longest period of the sinusoids; None: 10000, but 1 for the first time of v2, whose
            published weights have it.
        second_time: what else the network is told: nothing (instantaneous velocity only), t - s, or s itself.
        time_embed: how the two times meet: two embedders summed, two sinusoids through one embedder, or one
            embedder for both, summed.
        second_zero: the second time starts silent, so that the new network is the single-time one.
        mirrored: MMAudio's direction: the embedder is fed 1 - t and the output is negated.
        final_condition: what modulates the last layer: the global vector (as published) or the per-token one.
        patch: neighbouring latents in one token.
        sync_to_modulation: sync modulates each token (adaLN), as published.
        sync_to_input: sync is added to the input of each latent, through two convolutions, before patching.
        sync_channels: width of those convolutions.
        sync_kernel: their taps.
        sync_ratio: sync tokens per latent; None stretches the sync tokens over the latents.
        guidance_input: the guidance scale w the network is told: not at all, w itself, or log w.
        condition_scale: picture and text features are multiplied by this: unit vectors of 192 numbers, as
            `tiny` has, are far smaller than the projections are drawn for, and are learned very slowly.
        sync_scale: motion features are multiplied by this, for the same reason.
        precondition: the output is a departure from the flow of Gaussian latents (network/precondition.py);
            the state then holds `data_covariance`, the autocovariance of each standardised channel.
        covariance_lags: how many latents apart it is known for; 0: variances only.
        colour_gate: preconditioned networks see the Gaussian flow's own latents too, and scale them.
        colour_edges: edges of the bands of modulation frequencies in which they do so, in cycles per latent,
            rising; none: all at once.
        learned_empty_text: "no text" is learned; otherwise it is a fixed encoding kept with the weights.
    """

    latent_dim: int = pydantic.Field(20, ge=1)
    semantic_dim: int = pydantic.Field(1024, ge=1)
    sync_dim: int = pydantic.Field(768, ge=1)
    text_dim: int = pydantic.Field(1024, ge=1)
    hidden: int = pydantic.Field(448, ge=2)
    heads: int = pydantic.Field(7, ge=1)
    joint_blocks: int = pydantic.Field(4, ge=1)
    fused_blocks: int = pydantic.Field(8, ge=0)
    text_tokens: int = pydantic.Field(77, ge=1)
    segment_tokens: int = pydantic.Field(8, ge=0)
    mlp_ratio: float = pydantic.Field(4.0, gt=0)
    mlp_multiple: int = pydantic.Field(256, ge=1)
    in_kernel: int = pydantic.Field(7, ge=1)
    in_mlp_kernel: int = pydantic.Field(7, ge=1)
    ffn_kernel: int = pydantic.Field(3, ge=1)
    out_kernel: int = pydantic.Field(3, ge=1)
    final_kernel: int = pydantic.Field(7, ge=1)
    version: Literal["v1", "v2"] = "v1"
    time_features: int | None = pydantic.Field(None, ge=2)
    time_period: float | None = pydantic.Field(None, gt=0)
    second_time: Literal["none", "offset", "absolute"] = "offset"
    time_embed: Literal["sum", "concat", "shared"] = "sum"
    second_zero: bool = False
    mirrored: bool = False
    final_condition: Literal["global", "frame"] = "global"
    patch: int = pydantic.Field(1, ge=1)
    sync_to_modulation: bool = True
    sync_to_input: bool = False
    sync_channels: int = pydantic.Field(64, ge=1)
    sync_kernel: int = pydantic.Field(5, ge=1)
    sync_ratio: float | None = pydantic.Field(None, gt=0)
    guidance_input: Literal["none", "value", "log"] = "none"
    condition_scale: float = pydantic.Field(1.0, gt=0)
    sync_scale: float = pydantic.Field(1.0, gt=0)
    precondition: bool = False
    covariance_lags: int = pydantic.Field(0, ge=0)
    colour_gate: bool = False
    colour_edges: tuple[float, ...] = ()
    learned_empty_text: bool = False

    @pydantic.model_validator(mode="after")
    def _fits(self) -> NetworkConfig:
        if self.hidden % self.heads or (self.hidden // self.heads) % 2:
            raise ValueError(f"hidden {self.hidden} does not split into {self.heads} heads of an even width")
        for name in ("in_kernel", "in_mlp_kernel", "ffn_kernel", "out_kernel", "final_kernel", "sync_kernel"):
            if getattr(self, name) % 2 == 0:
                raise ValueError(
                    f"{name} is odd, so that the middle tap is the present, not {getattr(self, name)}"
                )
        if self.time_width % 2:
            raise ValueError(f"time_features {self.time_width} is even: half cosines, half sines")
        if self.precondition and self.mirrored:
            raise ValueError("a mirrored network holds the reference's weights, which know no precondition")
        if self.colour_gate and not self.precondition:
            raise ValueError(
                "colour_gate scales the Gaussian flow of a preconditioned network: set precondition"
            )
        if self.colour_edges and not self.colour_gate:
            raise ValueError("colour_edges splits what colour_gate scales: set colour_gate")
        if list(self.colour_edges) != sorted({edge for edge in self.colour_edges if 0 < edge < 0.5}):
            raise ValueError("colour_edges rise, between 0 and 0.5 cycles per latent")
        if not self.sync_to_modulation and not self.sync_to_input:
            raise ValueError("sync must reach the network: set sync_to_modulation or sync_to_input")
        return self

    @property
    def shown_channels(self) -> int:
        """Channels that a latent has at both ends of the network: its own c, with a gate c more per band."""
        return self.latent_dim * (1 + self.colour_bands)

    @property
    def colour_bands(self) -> int:
        """Bands in which the Gaussian flow's own latents are scaled; 0 without a gate."""
        return len(self.colour_edges) + 1 if self.colour_gate else 0

    @property
    def mlp_hidden(self) -> int:
        """Inner width of the gated MLPs: 2/3 of ratio x hidden, rounded up (448 -> 1280, 896 -> 2560)."""
        wanted = int(2 * int(self.hidden * self.mlp_ratio) / 3)
        return -(-wanted // self.mlp_multiple) * self.mlp_multiple

    @property
    def time_width(self) -> int:
        """Width of the time features."""
        return self.time_features or (256 if self.version == "v1" else self.hidden)

    @property
    def longest_period(self) -> float:
        """max_period of the time features (supplement B.2)."""
        return self.time_period or (10_000.0 if self.version == "v1" else 1.0)

    @property
    def second_period(self) -> float:
        """max_period of a second embedder, which no published weights have: 1e4, as supplement B.2 says."""
        return self.time_period or 10_000.0

    @property
    def two_time(self) -> bool:
        """The network knows where the step ends."""
        return self.second_time != "none"


def _size(**values: Any) -> NetworkConfig:
    return NetworkConfig(second_time="none", mirrored=True, **values)


#: The published sizes of the reference system, as single-time networks that its weights fit; a two-time
#: network of the same size is `SIZES[name].change({"second_time": "offset", "mirrored": False})`.
#: Name -> configuration; parameters in the state dict: 157.3 M, 157.4 M, 621.8 M, 1030.0 M, 1030.6 M
SIZES: dict[str, NetworkConfig] = {
    "small_16k": _size(latent_dim=20, hidden=448, heads=7, joint_blocks=4, fused_blocks=8),
    "small_44k": _size(latent_dim=40, hidden=448, heads=7, joint_blocks=4, fused_blocks=8),
    "medium_44k": _size(latent_dim=40, hidden=896, heads=14, joint_blocks=4, fused_blocks=8),
    "large_44k": _size(latent_dim=40, hidden=896, heads=14, joint_blocks=7, fused_blocks=14),
    "large_44k_v2": _size(latent_dim=40, hidden=896, heads=14, joint_blocks=7, fused_blocks=14, version="v2"),
}
