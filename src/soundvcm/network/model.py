"""The velocity network u(noisy, t, s, conditions): mean velocity from t down to s (section 3, supplement B).

Data at t = 0, noise at t = 1. A call changes nothing in the network: length, device and number format come
from the tensors, so one network serves many threads. Knows nothing of objectives, samplers or codecs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soundvcm.errors import OptionError
from soundvcm.network.blocks import (
    FinalLayer,
    FusedBlock,
    InputProjection,
    JointBlock,
    Stream,
    run_again,
    run_once,
)
from soundvcm.network.conditioning import ConditionEncoder, Encoded, patched
from soundvcm.network.config import NetworkConfig
from soundvcm.network.embeddings import ScalarEmbedder, TimeEmbedding
from soundvcm.network.names import from_reference, to_reference
from soundvcm.network.precondition import arrive, bands, follow, scales, spectrum
from soundvcm.records import Conditions, check_shape

#: (noisy [b n c], t [b], s [b], guidance [b] or None) -> velocity [b n c], conditions given beforehand
Given = Callable[..., Tensor]

EMBEDDER_STD = 0.02


class VelocityNetwork(nn.Module):
    """MMAudio's transformer, told where the step ends (section 3.1).

    Args:
        config: sizes and options; kept as `.config`.

    The state holds `latent_mean` and `latent_std` [1 1 c], which standardise the codec's latents, and for
    preconditioned networks `data_covariance` [1 k c], the autocovariance that the channels have after that.
    """

    latent_mean: Tensor
    latent_std: Tensor
    data_covariance: Tensor
    #: keep the blocks' inputs only, and compute the rest again in the backward pass
    recompute = False

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.hidden
        self.register_buffer("latent_mean", torch.zeros(1, 1, config.latent_dim))
        self.register_buffer("latent_std", torch.ones(1, 1, config.latent_dim))
        if config.precondition:
            covariance = torch.zeros(1, config.covariance_lags + 1, config.latent_dim)
            covariance[:, 0] = 1.0
            self.register_buffer("data_covariance", covariance)
        self.conditions = ConditionEncoder(config)
        self.latent_in = InputProjection(
            config.shown_channels * config.patch,
            dim,
            config.mlp_hidden,
            first_kernel=config.in_kernel,
            mlp_kernel=config.in_mlp_kernel,
            activation="silu" if config.version == "v2" else "selu",
        )
        self.time = TimeEmbedding(config)
        guided = config.guidance_input != "none"
        self.guidance = ScalarEmbedder(config.time_width, config.longest_period, dim) if guided else None
        last = config.joint_blocks - 1
        self.joint = nn.ModuleList(JointBlock(config, last=i == last) for i in range(config.joint_blocks))
        self.fused = nn.ModuleList(FusedBlock(config) for _ in range(config.fused_blocks))
        self.final = FinalLayer(config)
        # On the meta device there is nothing to draw, and drawing would import torch's compiler (a second).
        if not self.latent_mean.is_meta:
            self.initialise()

    @torch.no_grad()
    def initialise(self) -> None:
        """Fresh weights as the reference draws them (A3): silent blocks and output, small time embedders."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, ScalarEmbedder):
                nn.init.normal_(module.inner.weight, std=EMBEDDER_STD)
                nn.init.normal_(module.outer.weight, std=EMBEDDER_STD)
            elif isinstance(module, Stream | FinalLayer):
                nn.init.zeros_(module.modulation.weight)
        nn.init.zeros_(self.final.conv.weight)
        if self.final.conv.bias is not None:
            nn.init.zeros_(self.final.conv.bias)
        if self.guidance is not None:
            nn.init.zeros_(self.guidance.outer.weight)
        if self.config.second_zero:
            self.silence_second_time()

    @torch.no_grad()
    def silence_second_time(self) -> None:
        """Make the second time say nothing, so that u(x, t, s) = u(x, t, t), until training moves it.

        Raises:
            OptionError: if the network has no second time, or one embedder serves both.
        """
        config = self.config
        if not config.two_time:
            raise OptionError("a network with second_time none has no second time to silence")
        if config.time_embed == "shared":
            raise OptionError("time_embed shared has no second embedder to silence: use sum or concat")
        if self.time.second is not None:
            nn.init.zeros_(self.time.second.outer.weight)
            nn.init.zeros_(self.time.second.outer.bias)
        else:
            nn.init.zeros_(self.time.first.inner.weight[:, config.time_width :])

    def encode(self, conditions: Conditions, n: int) -> Encoded:
        """Everything that depends on the conditions only, for clips of n latents (once per clip).

        Raises:
            ShapeError: if the conditions do not fit the network.
        """
        encoded: Encoded = self.conditions(conditions, n)
        return encoded

    def forward(
        self,
        noisy: Tensor,
        t: Tensor,
        s: Tensor,
        conditions: Conditions | Encoded,
        guidance: Tensor | None = None,
    ) -> Tensor:
        """Mean velocity from t down to s, so that x_s = x_t - (t - s) u (Equation 5).

        Args:
            noisy: [b n c] x_t, standardised latents.
            t: [b] time of `noisy`, data at 0, noise at 1.
            s: [b] time to arrive at, s <= t; s = t asks for the instantaneous velocity. Single-time networks
                ignore it.
            conditions: of the same batch; already encoded ones are taken as they are.
            guidance: [b] guidance scale w, for networks with `guidance_input` only.

        Returns:
            [b n c] in the number format of `noisy`.

        Raises:
            ShapeError: if a shape does not fit.
            OptionError: if guidance is given to a network without that input, or missing where it is needed.
        """
        sizes = check_shape("noisy", noisy, "b n c", c=self.config.latent_dim)
        batch, n = sizes["b"], sizes["n"]
        check_shape("t", t, "b", b=batch)
        check_shape("s", s, "b", b=batch)
        encoded = conditions if isinstance(conditions, Encoded) else self.encode(conditions, n)
        check_shape("conditions", encoded.pooled, "b d", b=batch)
        if encoded.latents != n:
            raise OptionError(f"conditions were encoded for {encoded.latents} latents, noisy has {n}")
        one = self._global(t, s, encoded, guidance)
        frame = one if encoded.sync is None else one + encoded.sync
        one, frame = F.silu(one), F.silu(frame)
        power = self._power(noisy)
        shrink, grow = (1.0, 1.0) if power is None else scales(t, power, n)
        seen = noisy if power is None else noisy * shrink
        coloured = None
        if self.config.colour_gate and power is not None:
            shares = bands(n, self.config.colour_edges)
            coloured, size = self._arrive(noisy, t, power, shares)
            seen = torch.cat([seen, (coloured / size).flatten(2)], dim=-1)
        latent = patched(seen.to(self.latent_in.first.weight.dtype), self.config.patch)
        latent = self.latent_in(latent, encoded.sync_input)
        semantic, text = encoded.semantic, encoded.text
        run = run_again if self.recompute and torch.is_grad_enabled() else run_once
        for block in self.joint:
            latent, semantic, text = run(
                block, latent, semantic, text, frame, one, encoded.by_latent, encoded.by_semantic
            )
        for block in self.fused:
            latent = run(block, latent, frame, encoded.by_latent)
        out: Tensor = self.final(latent, one if self.config.final_condition == "global" else frame)
        out = out.reshape(batch, -1, self.config.shown_channels)[:, :n].to(noisy.dtype)
        if power is not None:
            departure = out[..., : self.config.latent_dim]
            flow = self._follow(noisy, t, s, power)
            if coloured is not None:
                gates = out[..., self.config.latent_dim :].reshape(coloured.shape)
                flow = flow + (gates * coloured).sum(dim=2)
            out = grow * departure + flow
        return -out if self.config.mirrored else out

    # How frequencies are filtered; an export that knows no Fourier transform puts its own here.
    _arrive = staticmethod(arrive)
    _follow = staticmethod(follow)

    def _power(self, noisy: Tensor) -> Tensor | None:
        """Power spectrum of Gaussian latents of this length, in at least single precision; None without."""
        if not self.config.precondition:
            return None
        dtype = torch.promote_types(noisy.dtype, torch.float32)
        return spectrum(self.data_covariance.to(dtype), noisy.shape[1])

    def _global(self, t: Tensor, s: Tensor, encoded: Encoded, guidance: Tensor | None) -> Tensor:
        """[b 1 d]: times, pooled conditions and, where the network has that input, the guidance scale."""
        one: Tensor = self.time(t, s) + encoded.pooled
        if self.guidance is None:
            if guidance is not None:
                raise OptionError("this network has no guidance input: its guidance was fixed in training")
            return one.unsqueeze(1)
        if guidance is None:
            raise OptionError("this network is told its guidance scale: give guidance, a number per row")
        check_shape("guidance", guidance, "b", b=t.shape[0])
        told = guidance.log() if self.config.guidance_input == "log" else guidance
        both: Tensor = one + self.guidance(told)
        return both.unsqueeze(1)

    def given(self, conditions: Conditions | Encoded, n: int) -> Given:
        """The field under these conditions: (noisy, t, s, guidance=None) -> velocity; encoded here, once."""
        encoded = conditions if isinstance(conditions, Encoded) else self.encode(conditions, n)

        def field(noisy: Tensor, t: Tensor, s: Tensor, guidance: Tensor | None = None) -> Tensor:
            velocity: Tensor = self(noisy, t, s, encoded, guidance)
            return velocity

        return field

    def standardise(self, latents: Tensor) -> Tensor:
        """(latents - mean) / std per channel, [b n c]; a new tensor."""
        return (latents - self.latent_mean) / self.latent_std

    def unstandardise(self, latents: Tensor) -> Tensor:
        """Latents * std + mean per channel, [b n c]; a new tensor."""
        return latents * self.latent_std + self.latent_mean

    @torch.no_grad()
    def load_reference(self, state: Mapping[str, Tensor]) -> None:
        """Take over an MMAudio state dict of this size, strictly.

        A network built on the meta device takes the given tensors themselves; others copy them.

        Raises:
            OptionError: if this network is not a mirrored single-time one, which is what those weights are.
            WeightsError: one line naming missing, unexpected and mis-shaped keys; nothing was changed then.
        """
        config = self.config
        more = config.two_time or config.sync_to_input or config.guidance_input != "none"
        if more or not config.mirrored:
            raise OptionError("reference weights are of a mirrored single-time network: adopt extends them")
        loaded = from_reference(state, self.state_dict(), config)
        self.load_state_dict(loaded, assign=self.latent_mean.is_meta)

    def reference_state(self) -> dict[str, Tensor]:
        """This network's weights under the reference's names and row orders."""
        return to_reference(self.state_dict(), self.config)


def adopt(state: Mapping[str, Tensor], config: NetworkConfig) -> VelocityNetwork:
    """A two-time network that starts as an MMAudio network: u(x, t, s) = -v_mmaudio(x, 1 - t) (A4).

    Args:
        state: the reference's state dict, in its own names.
        config: a two-time configuration of the same size; it is mirrored whatever it says.

    Returns:
        A float32 network in training mode; second time, guidance and sync inputs are silent.

    Raises:
        OptionError: if the configuration has no second time that could start silent.
        WeightsError: if the weights are of another network.
    """
    if not config.two_time:
        raise OptionError("adopt makes a two-time network: set second_time to offset or absolute")
    config = config.change({"mirrored": True, "second_zero": True})
    network = VelocityNetwork(config)
    own = network.state_dict()
    if network.conditions.sync_fine is not None:
        nn.init.zeros_(network.conditions.sync_fine.out.weight)
    loaded = from_reference(state, own, config)
    network.load_state_dict({**own, **loaded})
    return network


def adopt_flow(state: Mapping[str, Tensor], config: NetworkConfig) -> VelocityNetwork:
    """A two-time network that starts as a flow of this class: u(x, t, s) = u(x, t, t) for every s.

    Preconditioned networks start with the Gaussian flow's mean velocity instead of its instantaneous one.

    Args:
        state: weights of a network that learned the instantaneous velocity only.
        config: of that network. Without a second time it gets one that is silent; where it has one (offset,
            summed), what the second embedder says at s = t is kept and its weights begin at zero.

    Raises:
        OptionError: if the second time cannot be silenced without changing the flow.
    """
    if not config.two_time:
        config = config.change({"second_time": "offset", "time_embed": "sum"})
    elif config.second_time != "offset" or config.time_embed != "sum":
        raise OptionError(
            f"second_time {config.second_time} with time_embed {config.time_embed} cannot be silenced: it is"
            " a two-time network, train it as it is"
        )
    network = VelocityNetwork(config)
    second = network.time.second
    assert second is not None
    nn.init.zeros_(second.outer.weight)
    network.load_state_dict({**network.state_dict(), **state})
    with torch.no_grad():
        said = second(torch.zeros(1))[0]
        second.outer.bias.copy_(said)
        second.outer.weight.zero_()
    return network


#: buffers that stay float32 in any number format
STATISTICS = ("latent_mean", "latent_std", "data_covariance")


def placed(network: VelocityNetwork, device: torch.device, dtype: torch.dtype) -> VelocityNetwork:
    """The network on a device and in a number format; the statistics of the latents stay float32."""
    kept = {name: value.float() for name, value in network.named_buffers() if name in STATISTICS}
    network = network.to(device, dtype)
    for name, value in kept.items():
        setattr(network, name, value.to(device))
    return network
