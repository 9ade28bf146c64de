"""Media in and out: pictures sampled by exact time, sound saved and muxed without touching the pictures.

The front door; a name is loaded when it is first used. Knows files and samples, never models.
"""

from typing import TYPE_CHECKING

from soundvcm.ground.lazy import front_door

if TYPE_CHECKING:
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
    from soundvcm.media.read.pipes import as_file as as_file
    from soundvcm.media.read.pipes import is_pipe as is_pipe
    from soundvcm.media.read.pipes import pipe_name as pipe_name
    from soundvcm.media.read.probe import probe as probe
    from soundvcm.media.read.sound import SoundReader as SoundReader
    from soundvcm.media.read.sound import read_sound as read_sound
    from soundvcm.media.read.tables import read_text as read_text
    from soundvcm.media.read.tables import table_rows as table_rows
    from soundvcm.media.read.tables import text_lines as text_lines
    from soundvcm.media.read.tags import read_tags as read_tags
    from soundvcm.media.read.timecode import Timecode as Timecode
    from soundvcm.media.read.timecode import clip_timecode as clip_timecode
    from soundvcm.media.read.timecode import picture_rate as picture_rate
    from soundvcm.media.read.video_info import VideoInfo as VideoInfo
    from soundvcm.media.read.windows import ReadAhead as ReadAhead
    from soundvcm.media.read.windows import shot_cuts as shot_cuts
    from soundvcm.media.read.windows import window_plan as window_plan
    from soundvcm.media.read.windows import windows as windows
    from soundvcm.media.suffixes import IMAGE_SUFFIXES as IMAGE_SUFFIXES
    from soundvcm.media.suffixes import SOUND_OUTPUTS as SOUND_OUTPUTS
    from soundvcm.media.suffixes import SOUND_SUFFIXES as SOUND_SUFFIXES
    from soundvcm.media.suffixes import VIDEO_OUTPUTS as VIDEO_OUTPUTS
    from soundvcm.media.suffixes import VIDEO_SUFFIXES as VIDEO_SUFFIXES
    from soundvcm.media.suffixes import is_hidden as is_hidden
    from soundvcm.media.write.broadcast_wav import read_reference as read_reference
    from soundvcm.media.write.broadcast_wav import stamp as stamp
    from soundvcm.media.write.edit_list import check_edit_list as check_edit_list
    from soundvcm.media.write.edit_list import write_edit_list as write_edit_list
    from soundvcm.media.write.mux import MuxReport as MuxReport
    from soundvcm.media.write.mux import MuxWriter as MuxWriter
    from soundvcm.media.write.mux import mux as mux
    from soundvcm.media.write.mux_plan import MuxSettings as MuxSettings
    from soundvcm.media.write.mux_plan import settle_output as settle_output
    from soundvcm.media.write.outlook import outlook as outlook
    from soundvcm.media.write.output_names import folder_outputs as folder_outputs
    from soundvcm.media.write.output_names import named_stem as named_stem
    from soundvcm.media.write.output_names import output_paths as output_paths
    from soundvcm.media.write.output_names import prompt_stem as prompt_stem
    from soundvcm.media.write.save_sound import SoundReport as SoundReport
    from soundvcm.media.write.save_sound import SoundWriter as SoundWriter
    from soundvcm.media.write.save_sound import save_sound as save_sound
    from soundvcm.media.write.target import check_sound_target as check_sound_target
    from soundvcm.media.write.target import check_video_target as check_video_target
    from soundvcm.media.write.target import is_leftover as is_leftover
    from soundvcm.media.write.target import made_here as made_here
    from soundvcm.media.write.target import same_file as same_file
    from soundvcm.media.write.target import whole_file as whole_file

__getattr__, __dir__ = front_door(__name__, __file__)
