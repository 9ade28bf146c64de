"""SoundVCM in ComfyUI: a node that loads a system and one that makes the sound of pictures or words.

    IMAGE [f, h, w, 3] and/or words => AUDIO

Copy or link this folder into ComfyUI's custom_nodes. Thin over the Python API.
"""

from .nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
