"""Names of `soundvcm.media` that need PyAV, NumPy or torch; loaded together when one of them is first used.

Each name stands here once (`name as name` marks it as public for type checkers) and nowhere else.
"""

from soundvcm.media.audio.levels import (
    LevelReport as LevelReport,
    Levels as Levels,
    apply_levels as apply_levels,
    decibels as decibels,
    quiet_message as quiet_message,
)
from soundvcm.media.audio.loudness import integrated_loudness as integrated_loudness, true_peak as true_peak
from soundvcm.media.audio.wave import resample as resample
from soundvcm.media.read.decoded_video import DecodedVideo as DecodedVideo, read_frames as read_frames
from soundvcm.media.read.frame_range import inspect as inspect
from soundvcm.media.read.probe import probe as probe
from soundvcm.media.read.shot_cuts import shot_cuts as shot_cuts
from soundvcm.media.read.sound import SoundReader as SoundReader, read_sound as read_sound
from soundvcm.media.read.tags import read_tags as read_tags
from soundvcm.media.read.timecode import (
    Timecode as Timecode,
    clip_timecode as clip_timecode,
    picture_rate as picture_rate,
)
from soundvcm.media.read.video_info import VideoInfo as VideoInfo
from soundvcm.media.read.windows import window_plan as window_plan, windows as windows
from soundvcm.media.write.broadcast_wav import read_reference as read_reference, stamp as stamp
from soundvcm.media.write.mux import MuxReport as MuxReport, MuxWriter as MuxWriter, mux as mux
from soundvcm.media.write.mux_plan import MuxSettings as MuxSettings
from soundvcm.media.write.save_sound import (
    SoundReport as SoundReport,
    SoundWriter as SoundWriter,
    save_sound as save_sound,
)
