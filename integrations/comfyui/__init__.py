"""SoundVCM in ComfyUI: a node that loads a system and one that makes the sound of pictures or words.

    VIDEO, or IMAGE [f, h, w, 3], and/or words => AUDIO, and VIDEO with it

Copy or link this folder into ComfyUI's custom_nodes. Thin over the Python API.
"""

try:
    from .nodes_v3 import comfy_entrypoint

    __all__ = ["comfy_entrypoint"]
except ImportError:  # a host from before the V3 schema
    from .nodes_v1 import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

    __all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
