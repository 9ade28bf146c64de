"""What the nodes do, whichever schema of ComfyUI they are declared in: names, loading, a take, its messages.

Knows `soundvcm.load` and `Pipeline.generate`, and what ComfyUI passes: pictures 0 .. 1, sounds with a rate.
Of ComfyUI itself it uses, where it is there, the bar of progress and the interrupt.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

PHASES = ("watch", "decode", "encode", "text", "network", "codec")
MOST_SEED = 2**63 - 2
DEVICES = ("auto", "cpu", "cuda", "mps")
#: how the Python API and the command line call an option => the input of the node
WORDS = {
    r"--prompt( TEXT)?|\bprompt=": "the input prompt",
    r"--duration( SECONDS)?|\bduration\b": "the input seconds",
    r"--fps|\bfps=": "the input fps",
    r"\bnum_steps\b": "the input steps",
    r"give a video, or": "connect video or images, or fill in",
}


def systems() -> list[str]:
    """The systems that can be loaded here, the embedded one first."""
    from soundvcm.errors import SoundVCMError
    from soundvcm.systems.catalog import PRESETS, require

    found = []
    for name in PRESETS:
        try:
            require(name)
        except SoundVCMError:
            continue
        found.append(name)
    return found


class Loaded:
    """A system on a link of ComfyUI: loaded when it is first used, and again after its memory was freed.

    Nothing else holds it: when ComfyUI empties its caches ("unload models"), its memory goes with it.
    """

    def __init__(self, name: str, device: str, file: str = "") -> None:
        self.name, self.device = file.strip() or name, device
        self._pipeline: Any = None

    @property
    def pipeline(self) -> Any:
        """The system itself."""
        if self._pipeline is None:
            import soundvcm

            with InNodeWords():
                self._pipeline = soundvcm.load(self.name, device=self.device)
        return self._pipeline

    def free(self) -> None:
        """Give its memory back; the next use loads it again."""
        import gc

        self._pipeline = None
        gc.collect()
        try:
            from comfy.model_management import soft_empty_cache
        except ImportError:
            return
        soft_empty_cache()


def load(name: str, device: str, file: str = "") -> Loaded:
    """A system, by its name or its network file; what cannot be loaded is said at once."""
    found = Loaded(name, device, file)
    _ = found.pipeline
    return found


def make(system: Loaded, images: Any, fps: float, **asked: Any) -> tuple[dict[str, Any], int]:
    """One take: the sound as ComfyUI holds it, {"waveform": [1, channels, samples], "sample_rate"}; its seed.

    Args:
        system: what the loading node gave.
        images: [f, h, w, 3 or 4], 0 .. 1, or None.
        fps: pictures a second.
        asked: prompt, negative_prompt, seed, seconds, steps, cfg_strength, ignore_pictures; 0 and blank mean
            "as the system does it".
    """
    import torch

    with InNodeWords(), Progress() as progress:
        sound = system.pipeline.generate(
            None if images is None else as_bytes(images),
            prompt=asked.get("prompt", ""),
            negative_prompt=asked.get("negative_prompt", "").strip() or None,
            num_steps=asked.get("steps") or None,
            seed=asked.get("seed", -1),
            duration=str(asked["seconds"]) if asked.get("seconds") else None,
            fps=None if images is None else fps,
            cfg_strength=asked.get("cfg_strength") or None,
            ignore_pictures=asked.get("ignore_pictures", False),
            progress=progress,
        )
    waveform = torch.from_numpy(sound.wave.copy())[None]
    return {"waveform": waveform, "sample_rate": sound.sample_rate}, sound.seed


def exact_rate(fps: Any) -> Fraction:
    """Pictures a second as ComfyUI's videos hold it."""
    return fps if isinstance(fps, Fraction) else Fraction(str(fps))


def as_bytes(images: Any) -> Any:
    """Pictures 0 .. 1 [f, h, w, 3 or 4] as uint8 [f, h, w, 3]."""
    return (images[..., :3].float() * 255).round().clamp(0, 255).byte().cpu().numpy()


class InNodeWords:
    """Turns refusals into sentences that name the inputs of the node."""

    def __enter__(self) -> InNodeWords:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        from soundvcm.errors import SoundVCMError

        if isinstance(error, SoundVCMError):
            message = str(error)
            for pattern, words in WORDS.items():
                message = re.sub(pattern, words, message)
            raise RuntimeError(f"SoundVCM: {message}") from error


class Progress:
    """Progress for ComfyUI's bar; stops where its user interrupts. Outside of ComfyUI it does nothing."""

    def __init__(self) -> None:
        try:
            from comfy.model_management import throw_exception_if_processing_interrupted
            from comfy.utils import ProgressBar
        except ImportError:
            self.bar, self.check = None, lambda: None
        else:
            self.bar, self.check = ProgressBar(len(PHASES)), throw_exception_if_processing_interrupted

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        """Nothing is held."""

    def __call__(self, phase: str, share: float) -> None:
        """What the pipeline reports: a phase and how much of it is done."""
        self.check()
        if self.bar is not None and phase in PHASES:
            self.bar.update_absolute(PHASES.index(phase) + share, len(PHASES))
