"""How near made sounds come to the real ones of held-out clips: what `soundvcm finetune` steers by.

    network, features of the split "val" => takes => YAMNet cosine and onset F1 against the sound of the files

Joins a run with scores, which training does not know. Prints nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isnan
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from soundvcm import media
from soundvcm.codec import AudioCodec
from soundvcm.data.catalog import Row
from soundvcm.data.clip_sound import prepared, read_clip
from soundvcm.data.extract import Extraction
from soundvcm.data.store import FeatureStore
from soundvcm.errors import OptionError, SoundVCMError
from soundvcm.evaluation import bundled_yamnet, detect_onsets, match_onsets
from soundvcm.evaluation.drawing import spectrograms
from soundvcm.generate.audio import Wave
from soundvcm.generate.clip_encoder import ClipFeatures
from soundvcm.generate.options import GenerateOptions, Sampling
from soundvcm.generate.pipeline import Pipeline
from soundvcm.network import NetworkConfig, VelocityNetwork
from soundvcm.timeline import FrameSpec, Timeline

#: clips that are listened to, and takes of all of them together: more cost time, fewer are chance
CLIPS, TAKES = 16, 8
LISTENING_RATE = 16_000


class _StoredVideo:
    """Stands for a video encoder whose features are in a store already."""

    frame_spec = FrameSpec(Fraction(1), None, None)

    def __init__(self, name: str, dim: int) -> None:
        self.name, self.dim = name, dim

    def encode(self, frames: Tensor) -> Tensor:
        """Never asked."""
        raise NotImplementedError


class _StoredText:
    """Stands for a text encoder: the captions' vectors are in the store."""

    def __init__(self, name: str, dim: int, tokens: int, store: FeatureStore) -> None:
        self.name, self.dim, self.tokens, self._store = name, dim, tokens, store

    def encode(self, texts: list[str]) -> Tensor:
        """Vectors [b, l, dim] of captions of the store."""
        return torch.stack([self._store.text(self._store.texts.index(text)) for text in texts])

    def warnings(self, text: str) -> list[str]:
        """Nothing: captions were read when the store was made."""
        return []


def on_features(
    network: VelocityNetwork,
    sampling: Sampling,
    codec: AudioCodec,
    store: FeatureStore,
    timeline: Timeline,
    device: torch.device,
) -> Pipeline:
    """A pipeline that takes features and captions from a store, without encoders."""
    config, names = network.config, store.fingerprint
    return Pipeline(
        "features",
        network,
        codec,
        _StoredVideo(names["semantic"], config.semantic_dim),
        _StoredVideo(names["sync"], config.sync_dim),
        _StoredText(names["text"], config.text_dim, config.text_tokens, store),
        timeline=timeline,
        sampling=sampling,
        device=device,
    )


def features_of(store: FeatureStore, place: int, timeline: Timeline) -> tuple[ClipFeatures, str]:
    """Features of a clip of a store and its first caption."""
    item = store.items[place]
    shown, moved = (
        store.read(place, role) if role in item.lengths else None for role in ("semantic", "sync")
    )
    prompt = store.texts[item.captions[0]] if item.captions else ""
    return ClipFeatures(timeline.at(item.seconds), shown, moved), prompt


@dataclass(frozen=True)
class Scores:
    """Means over the held-out clips.

    Attributes:
        cosine: of YAMNet's embeddings of made and real sound.
        onset_f1: of their onsets within 50 ms, over the clips whose real sound has onsets; nan without any.
    """

    cosine: float
    onset_f1: float

    @property
    def held_out(self) -> float:
        """What the best average is chosen by: the mean of both."""
        return self.cosine if isnan(self.onset_f1) else (self.cosine + self.onset_f1) / 2

    def numbers(self) -> dict[str, float]:
        """For the log."""
        return {"held_out": self.held_out, "cosine": self.cosine, "onset_f1": self.onset_f1}

    def __str__(self) -> str:
        told = f"YAMNet cosine {self.cosine:.3f}"
        return told if isnan(self.onset_f1) else f"{told}, onset F1 {self.onset_f1:.3f}"


@dataclass(frozen=True)
class HeldOutClip:
    """A clip that training does not see.

    Attributes:
        place: in the store.
        name: for files.
        wave: [s] its real sound, one channel at the codec's rate.
    """

    place: int
    name: str
    wave: Wave


def held_out_clips(folder: Path, codec: AudioCodec, timeline: Timeline) -> list[HeldOutClip]:
    """Clips of the split "val" of a store that `soundvcm extract` made, with the sound of their files.

    At most `CLIPS`, evenly chosen. Files that have gone since are left out.
    """
    store = FeatureStore(folder)
    rows = {row.id: row for row in Extraction.load(folder).rows}
    numbers, found = store.split("val"), []
    for k in numbers[:: max(1, -(-len(numbers) // CLIPS))]:
        row = rows[store.items[k].id]
        try:
            found.append(HeldOutClip(k, row.id, _real(row, codec, timeline)))
        except (SoundVCMError, OSError):
            continue
    return found


def _real(row: Row, codec: AudioCodec, timeline: Timeline) -> Wave:
    is_sound = row.file.suffix.lower() in media.SOUND_SUFFIXES
    origin = None if is_sound else media.inspect(row.file).start_time
    sound = read_clip(row.file, row.start, row.seconds, origin)
    samples = timeline.at(row.seconds).samples
    return np.asarray(prepared(sound, codec.sample_rate, samples, peak=None).numpy())


class HeldOut:
    """Held-out clips, ready to be compared with what networks make of them.

    Args:
        store: with their features.
        clips: the clips.
        codec: that made the store, on the device to compute on.
        timeline: any timeline with its rates.
        device: of the network.

    Raises:
        OptionError: if there are no clips.
    """

    def __init__(
        self,
        store: FeatureStore,
        clips: Sequence[HeldOutClip],
        codec: AudioCodec,
        timeline: Timeline,
        device: torch.device,
    ) -> None:
        if not clips:
            raise OptionError("there is no held-out clip whose file is here: nothing to compare with")
        self.store, self.clips, self.codec = store, list(clips), codec
        self.timeline, self.device = timeline, device
        self.yamnet = bundled_yamnet()
        self._heard = [self._embedding(clip.wave) for clip in self.clips]
        self._onsets = [detect_onsets(clip.wave, codec.sample_rate) for clip in self.clips]

    def _embedding(self, wave: Wave) -> Tensor:
        """One direction [1024]: patches weighted by their energy, as silence says nothing of a sound."""
        if self.codec.sample_rate != LISTENING_RATE:
            wave = media.resample(wave[None], self.codec.sample_rate, LISTENING_RATE)[0]
        sound = torch.from_numpy(np.ascontiguousarray(wave))
        energy = self.yamnet.patches(sound).exp().mean(dim=(1, 2))
        weights = energy / energy.sum().clamp_min(1e-12)
        return (self.yamnet.embeddings(sound) * weights[:, None]).sum(dim=0)

    def ceiling(self) -> Scores:
        """Of the real sound through the codec: no network can be nearer."""
        copies = []
        with torch.inference_mode():
            for place, clip in enumerate(self.clips):
                moments = self.codec.encode(torch.from_numpy(clip.wave)[None].to(self.device))
                copies.append((place, self.codec.decode(moments.mean)[0, : len(clip.wave)].cpu().numpy()))
        return self._compare(copies)

    def takes(
        self, config: NetworkConfig, weights: dict[str, Tensor], sampling: Sampling, takes: int
    ) -> list[tuple[int, Wave]]:
        """(place in `clips`, wave [s]) of each take that the weights make; the same seeds every time."""
        network = VelocityNetwork(config)
        network.load_state_dict({name: value.float() for name, value in weights.items()})
        store = self.store
        pipeline = on_features(network.eval(), sampling, self.codec, store, self.timeline, self.device)
        made = []
        for place, clip in enumerate(self.clips):
            seen, prompt = features_of(store, clip.place, self.timeline)
            for seed in range(takes):
                sound = pipeline.take(seen, GenerateOptions(prompt=prompt), seed=seed)
                made.append((place, sound.wave.mean(axis=0)[: len(clip.wave)]))
        return made

    def score(self, config: NetworkConfig, weights: dict[str, Tensor], sampling: Sampling) -> Scores:
        """How near the takes of these weights come, over at least `TAKES` takes."""
        return self._compare(self.takes(config, weights, sampling, -(-TAKES // max(1, len(self.clips)))))

    def _compare(self, made: Sequence[tuple[int, Wave]]) -> Scores:
        cosines, matches = [], []
        for place, wave in made:
            cosines.append(float(torch.cosine_similarity(self._embedding(wave), self._heard[place], dim=0)))
            if len(self._onsets[place]):
                found = detect_onsets(wave, self.codec.sample_rate)
                matches.append(match_onsets(self._onsets[place], found).f1)
        return Scores(float(np.mean(cosines)), float(np.mean(matches)) if matches else float("nan"))

    def write(self, folder: Path, made: Sequence[tuple[int, Wave]]) -> None:
        """One WAV file and its spectrogram for the first take of each clip."""
        first = {place: wave for place, wave in reversed(made)}
        pictures = spectrograms(list(first.values()), self.codec.sample_rate)
        folder.mkdir(parents=True, exist_ok=True)
        for (place, wave), picture in zip(first.items(), pictures, strict=True):
            name = "".join(c if c.isalnum() or c in "-_" else "_" for c in self.clips[place].name)[:60]
            media.save_sound(folder / f"{name}.wav", wave, self.codec.sample_rate)
            (folder / f"{name}.png").write_bytes(picture)
