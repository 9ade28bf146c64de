"""Scores as functions of features, onset times and curves: front door of this folder. Knows no networks."""

from typing import TYPE_CHECKING

from soundvcm.ground.lazy import front_door

if TYPE_CHECKING:
    from soundvcm.evaluation.metrics.formulas import OFFSETS as OFFSETS
    from soundvcm.evaluation.metrics.formulas import PROTOCOL_SEED as PROTOCOL_SEED
    from soundvcm.evaluation.metrics.formulas import SPLITS as SPLITS
    from soundvcm.evaluation.metrics.formulas import Spread as Spread
    from soundvcm.evaluation.metrics.formulas import cosine as cosine
    from soundvcm.evaluation.metrics.formulas import desync as desync
    from soundvcm.evaluation.metrics.formulas import few_samples as few_samples
    from soundvcm.evaluation.metrics.formulas import frechet_distance as frechet_distance
    from soundvcm.evaluation.metrics.formulas import inception_score as inception_score
    from soundvcm.evaluation.metrics.formulas import kernel_distance as kernel_distance
    from soundvcm.evaluation.metrics.formulas import kl_divergence as kl_divergence
    from soundvcm.evaluation.metrics.formulas import label_divergence as label_divergence
    from soundvcm.evaluation.metrics.formulas import mean_interval as mean_interval
    from soundvcm.evaluation.metrics.formulas import set_interval as set_interval
    from soundvcm.evaluation.metrics.motion import MOVEMENT_RATE as MOVEMENT_RATE
    from soundvcm.evaluation.metrics.motion import has_pictures as has_pictures
    from soundvcm.evaluation.metrics.motion import movement as movement
    from soundvcm.evaluation.metrics.onsets import OnsetMatch as OnsetMatch
    from soundvcm.evaluation.metrics.onsets import match_onsets as match_onsets
    from soundvcm.evaluation.metrics.onsets import motion_correlation as motion_correlation
    from soundvcm.reference.onsets import curve_correlation as curve_correlation
    from soundvcm.reference.onsets import detect_onsets as detect_onsets
    from soundvcm.reference.onsets import energy as energy
    from soundvcm.reference.onsets import onset_strength as onset_strength

__getattr__, __dir__ = front_door(__name__, __file__)
