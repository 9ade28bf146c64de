"""Names of `soundvcm.media` that need PyAV, NumPy or torch; loaded together when one of them is first used.

Each name stands here once (`name as name` marks it as public for type checkers) and nowhere else.
"""

from soundvcm.media.audio.levels import LevelReport as LevelReport
from soundvcm.media.audio.levels import Levels as Levels
from soundvcm.media.audio.levels import apply_levels as apply_levels
from soundvcm.media.audio.levels import decibels as decibels
from soundvcm.media.audio.levels import quiet_message as quiet_message
from soundvcm.media.audio.loudness import integrated_loudness as integrated_loudness
from soundvcm.media.audio.loudness import true_peak as true_peak
from soundvcm.media.audio.wave import resample as resample
from soundvcm.media.read.decoded_video import DecodedVideo as DecodedVideo
from soundvcm.media.read.decoded_video import read_frames as read_frames
from soundvcm.media.read.frame_range import claimed_info as claimed_info
from soundvcm.media.read.frame_range import inspect as inspect
from soundvcm.media.read.probe import probe as probe
from soundvcm.media.read.shot_cuts import shot_cuts as shot_cuts
from soundvcm.media.read.sound import SoundReader as SoundReader
from soundvcm.media.read.sound import read_sound as read_sound
from soundvcm.media.read.tags import read_tags as read_tags
from soundvcm.media.read.timecode import Timecode as Timecode
from soundvcm.media.read.timecode import clip_timecode as clip_timecode
from soundvcm.media.read.timecode import picture_rate as picture_rate
from soundvcm.media.read.video_info import VideoInfo as VideoInfo
from soundvcm.media.read.windows import window_plan as window_plan
from soundvcm.media.read.windows import windows as windows
from soundvcm.media.write.broadcast_wav import read_reference as read_reference
from soundvcm.media.write.broadcast_wav import stamp as stamp
from soundvcm.media.write.mux import MuxReport as MuxReport
from soundvcm.media.write.mux import MuxWriter as MuxWriter
from soundvcm.media.write.mux import mux as mux
from soundvcm.media.write.mux_plan import MuxSettings as MuxSettings
from soundvcm.media.write.mux_plan import settle_output as settle_output
from soundvcm.media.write.save_sound import SoundReport as SoundReport
from soundvcm.media.write.save_sound import SoundWriter as SoundWriter
from soundvcm.media.write.save_sound import save_sound as save_sound
