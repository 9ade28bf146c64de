"""The two nodes. Of ComfyUI itself they use, where it is there, the bar of progress and the interrupt.

Knows `soundvcm.load` and `Pipeline.generate`, and what ComfyUI passes: pictures 0 .. 1, sounds with a rate.
"""

from __future__ import annotations

from typing import Any

PHASES = ("watch", "decode", "encode", "text", "network", "codec")
MOST = 2**63 - 2


class LoadSoundVCM:
    """Loads a system once; ComfyUI keeps it until an input changes."""

    CATEGORY = "audio/SoundVCM"
    FUNCTION = "load"
    RETURN_TYPES = ("SOUNDVCM",)
    RETURN_NAMES = ("system",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """What the node asks for: the names of `soundvcm models`, or a network file."""
        from soundvcm.systems.catalog import PRESETS

        return {
            "required": {
                "name": (list(PRESETS), {"default": "tiny"}),
                "device": (["auto", "cpu", "cuda", "mps"], {"default": "auto"}),
            },
            "optional": {"file": ("STRING", {"default": "", "tooltip": "a network file instead of a name"})},
        }

    def load(self, name: str, device: str, file: str = "") -> tuple[Any]:
        """The system."""
        import soundvcm

        return (soundvcm.load(file.strip() or name, device=device),)


class SoundVCM:
    """One take for pictures, words, or both."""

    CATEGORY = "audio/SoundVCM"
    FUNCTION = "make"
    RETURN_TYPES = ("AUDIO", "INT")
    RETURN_NAMES = ("sound", "seed")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """What the node asks for; 0 and blank mean "as the system does it"."""
        words = {"default": "", "multiline": True}
        return {
            "required": {
                "system": ("SOUNDVCM",),
                "prompt": (
                    "STRING",
                    {**words, "tooltip": "what should be heard; blank goes by the pictures"},
                ),
                "seed": ("INT", {"default": 0, "min": 0, "max": MOST, "control_after_generate": True}),
            },
            "optional": {
                "images": ("IMAGE",),
                "fps": ("FLOAT", {"default": 25.0, "min": 0.1, "max": 1000.0, "step": 0.001}),
                "seconds": ("FLOAT", {"default": 0.0, "min": 0.0, "max": 3600.0, "step": 0.01}),
                "steps": ("INT", {"default": 0, "min": 0, "max": 1000}),
                "negative_prompt": ("STRING", {"default": ""}),
                "cfg_strength": ("FLOAT", {"default": 0.0, "min": 0.0, "max": 100.0, "step": 0.1}),
                "ignore_pictures": ("BOOLEAN", {"default": False}),
            },
        }

    def make(
        self,
        system: Any,
        prompt: str,
        seed: int,
        images: Any = None,
        fps: float = 25.0,
        seconds: float = 0.0,
        steps: int = 0,
        negative_prompt: str = "",
        cfg_strength: float = 0.0,
        ignore_pictures: bool = False,
    ) -> tuple[dict[str, Any], int]:
        """The sound as ComfyUI holds it, {"waveform": [1, channels, samples], "sample_rate"}; its seed."""
        import torch

        sound = system.generate(
            None if images is None else as_bytes(images),
            prompt=prompt,
            negative_prompt=negative_prompt.strip() or None,
            num_steps=steps or None,
            seed=seed,
            duration=str(seconds) if seconds else None,
            fps=None if images is None else fps,
            cfg_strength=cfg_strength or None,
            ignore_pictures=ignore_pictures,
            progress=Told(),
        )
        waveform = torch.from_numpy(sound.wave.copy())[None]
        return {"waveform": waveform, "sample_rate": sound.sample_rate}, sound.seed


def as_bytes(images: Any) -> Any:
    """Pictures 0 .. 1 [f, h, w, 3 or 4] as uint8 [f, h, w, 3]."""
    return (images[..., :3].float() * 255).round().clamp(0, 255).byte().cpu().numpy()


class Told:
    """Progress for ComfyUI's bar; stops where its user interrupts. Outside of ComfyUI it does nothing."""

    def __init__(self) -> None:
        try:
            from comfy.model_management import throw_exception_if_processing_interrupted
            from comfy.utils import ProgressBar
        except ImportError:
            self.bar, self.check = None, lambda: None
        else:
            self.bar, self.check = ProgressBar(len(PHASES)), throw_exception_if_processing_interrupted

    def __call__(self, phase: str, share: float) -> None:
        """What the pipeline reports: a phase and how much of it is done."""
        self.check()
        if self.bar is not None and phase in PHASES:
            self.bar.update_absolute(PHASES.index(phase) + share, len(PHASES))


NODE_CLASS_MAPPINGS = {"LoadSoundVCM": LoadSoundVCM, "SoundVCM": SoundVCM}
NODE_DISPLAY_NAME_MAPPINGS = {"LoadSoundVCM": "Load SoundVCM", "SoundVCM": "SoundVCM: sound for pictures"}
