"""The nodes in ComfyUI's first schema, for hosts that have no `comfy_api.latest`.

Knows the schema only; `work` does the work.
"""

from __future__ import annotations

from typing import Any

from . import work

WORDS = {"default": "", "multiline": True, "tooltip": "what should be heard; blank goes by the pictures"}


class LoadSoundVCM:
    """Loads a system once; ComfyUI keeps it until an input changes."""

    CATEGORY = "audio/SoundVCM"
    FUNCTION = "load"
    RETURN_TYPES = ("SOUNDVCM",)
    RETURN_NAMES = ("system",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """What the node asks for: the systems that are here, or a network file."""
        return {
            "required": {
                "name": (work.systems(), {"default": "tiny"}),
                "device": (list(work.DEVICES), {"default": "auto"}),
            },
            "optional": {"file": ("STRING", {"default": "", "tooltip": "a network file instead of a name"})},
        }

    def load(self, name: str, device: str, file: str = "") -> tuple[Any]:
        """The system."""
        return (work.load(name, device, file),)


class SoundVCM:
    """One take for pictures, words, or both."""

    CATEGORY = "audio/SoundVCM"
    FUNCTION = "make"
    RETURN_TYPES = ("AUDIO", "INT")
    RETURN_NAMES = ("sound", "seed")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """What the node asks for; 0 and blank mean "as the system does it"."""
        seed = {"default": 0, "min": 0, "max": work.MOST_SEED, "control_after_generate": True}
        return {
            "required": {"system": ("SOUNDVCM",), "prompt": ("STRING", WORDS), "seed": ("INT", seed)},
            "optional": {
                "images": ("IMAGE",),
                "fps": ("FLOAT", {"default": 25.0, "min": 0.1, "max": 1000.0, "step": 0.001}),
                "seconds": ("FLOAT", {"default": 0.0, "min": 0.0, "max": 3600.0, "step": 0.01}),
                "steps": ("INT", {"default": 0, "min": 0, "max": 1000}),
                "negative_prompt": ("STRING", {"default": ""}),
                "cfg_strength": ("FLOAT", {"default": 0.0, "min": 0.0, "max": 100.0, "step": 0.1}),
                "ignore_pictures": ("BOOLEAN", {"default": False}),
                "unload": ("BOOLEAN", {"default": False, "tooltip": "free the system's memory afterwards"}),
            },
        }

    def make(
        self, system: Any, images: Any = None, fps: float = 25.0, unload: bool = False, **asked: Any
    ) -> tuple[dict[str, Any], int]:
        """The sound and its seed."""
        found = work.make(system, images, fps, **asked)
        if unload:
            system.free()
        return found


NODE_CLASS_MAPPINGS = {"LoadSoundVCM": LoadSoundVCM, "SoundVCM": SoundVCM}
NODE_DISPLAY_NAME_MAPPINGS = {"LoadSoundVCM": "Load SoundVCM", "SoundVCM": "SoundVCM: sound for pictures"}
