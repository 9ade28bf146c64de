"""Training: the loop and what it saves, averaged weights. The front door.

    train(config, stores, run_dir)  ·  synthesise(run_dir, sigma_rel)  ·  export(run_dir, path)

Names are found when first used. Knows nothing of evaluation: `cli` joins the two by a hook.
"""

from typing import TYPE_CHECKING

from soundvcm.ground.lazy import front_door

if TYPE_CHECKING:
    from soundvcm.training.checkpoint import latest_checkpoint as latest_checkpoint
    from soundvcm.training.ema import synthesise as synthesise
    from soundvcm.training.logbook import read_log as read_log
    from soundvcm.training.pairs import PairsConfig as PairsConfig
    from soundvcm.training.pairs import record_pairs as record_pairs
    from soundvcm.training.release import export as export
    from soundvcm.training.settings import LoopConfig as LoopConfig
    from soundvcm.training.settings import TrainingConfig as TrainingConfig
    from soundvcm.training.setup import load_weights as load_weights
    from soundvcm.training.setup import train as train
    from soundvcm.training.view import Progress as Progress
    from soundvcm.training.view import Result as Result
    from soundvcm.training.view import View as View

__getattr__, __dir__ = front_door(__name__, __file__)
