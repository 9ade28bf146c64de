"""The nodes in ComfyUI's V3 schema: a video or pictures in, a sound, and the video with it, out.

Knows the schema only; `work` does the work. The ids of nodes and inputs are those of the first schema, so
that workflows of both open.
"""

from __future__ import annotations

from typing import Any

from comfy_api.latest import ComfyExtension, InputImpl, Types, io

from . import work

System = io.Custom("SOUNDVCM")


class LoadSoundVCM(io.ComfyNode):
    """Loads a system once; ComfyUI keeps it until an input changes."""

    @classmethod
    def define_schema(cls) -> Any:
        """What the node asks for: the systems that are here, or a network file."""
        return io.Schema(
            node_id="LoadSoundVCM",
            display_name="Load SoundVCM",
            category="audio/SoundVCM",
            description="Loads a system that gives silent video a soundtrack.",
            inputs=[
                io.Combo.Input("name", options=work.systems(), default="tiny"),
                io.Combo.Input("device", options=list(work.DEVICES), default="auto"),
                io.String.Input(
                    "file", default="", optional=True, tooltip="a network file instead of a name"
                ),
            ],
            outputs=[System.Output(display_name="system")],
        )

    @classmethod
    def execute(cls, name: str, device: str, file: str = "") -> Any:
        """The system."""
        return io.NodeOutput(work.load(name, device, file))


class SoundVCM(io.ComfyNode):
    """One take for a video, pictures, words, or both."""

    @classmethod
    def define_schema(cls) -> Any:
        """What the node asks for; 0 and blank mean "as the system does it"."""
        return io.Schema(
            node_id="SoundVCM",
            display_name="SoundVCM: sound for pictures",
            category="audio/SoundVCM",
            description="Makes the sound of a video, of pictures, or of words alone.",
            inputs=[
                System.Input("system"),
                io.String.Input(
                    "prompt",
                    default="",
                    multiline=True,
                    tooltip="what should be heard; blank goes by the pictures",
                ),
                io.Int.Input("seed", default=0, min=0, max=work.MOST_SEED, control_after_generate=True),
                io.Video.Input("video", optional=True),
                io.Image.Input("images", optional=True, tooltip="pictures in place of a video, at fps"),
                io.Float.Input("fps", default=25.0, min=0.1, max=1000.0, step=0.001, optional=True),
                io.Float.Input(
                    "seconds", default=0.0, min=0.0, max=3600.0, step=0.01, optional=True,
                    tooltip="0: as long as the pictures; needed for words alone",
                ),
                io.Int.Input("steps", default=0, min=0, max=1000, optional=True),
                io.String.Input("negative_prompt", default="", optional=True),
                io.Float.Input("cfg_strength", default=0.0, min=0.0, max=100.0, step=0.1, optional=True),
                io.Boolean.Input("ignore_pictures", default=False, optional=True),
                io.Boolean.Input(
                    "unload", default=False, optional=True, tooltip="free the system's memory afterwards"
                ),
            ],
            outputs=[
                io.Audio.Output(display_name="sound"),
                io.Int.Output(display_name="seed"),
                io.Video.Output(display_name="video", tooltip="the video or the pictures with the sound"),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls,
        system: Any,
        video: Any = None,
        images: Any = None,
        fps: float = 25.0,
        unload: bool = False,
        **asked: Any,
    ) -> Any:
        """The sound, its seed, and the pictures with it (None for words alone)."""
        rate: Any = fps
        if video is not None:
            parts = video.get_components()
            images, rate = parts.images, parts.frame_rate
        sound, seed = work.make(system, images, rate, **asked)
        if unload:
            system.free()
        joined = None
        if images is not None:
            parts = Types.VideoComponents(images=images, audio=sound, frame_rate=work.exact_rate(rate))
            joined = InputImpl.VideoFromComponents(parts)
        return io.NodeOutput(sound, seed, joined)


class Extension(ComfyExtension):
    """What this folder adds."""

    async def get_node_list(self) -> list[Any]:
        """The nodes."""
        return [LoadSoundVCM, SoundVCM]


async def comfy_entrypoint() -> Extension:
    """Called by ComfyUI."""
    return Extension()
