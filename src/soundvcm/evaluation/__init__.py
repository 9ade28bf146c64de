"""Scores: what is measured (metrics), networks that listen (networks), whole comparisons and their report."""

from typing import TYPE_CHECKING

from soundvcm.ground.lazy import front_door

if TYPE_CHECKING:
    from soundvcm.evaluation.definitions import find as find
    from soundvcm.evaluation.metrics.onsets import match_onsets as match_onsets
    from soundvcm.evaluation.networks.yamnet import Yamnet as Yamnet
    from soundvcm.evaluation.networks.yamnet import bundled_yamnet as bundled_yamnet
    from soundvcm.evaluation.networks.yamnet import class_scores as class_scores
    from soundvcm.evaluation.networks.yamnet import classify as classify
    from soundvcm.evaluation.protocol import Evaluation as Evaluation
    from soundvcm.evaluation.protocol import evaluate as evaluate
    from soundvcm.evaluation.reading import FeatureCache as FeatureCache
    from soundvcm.evaluation.report import write_report as write_report
    from soundvcm.evaluation.scores import Score as Score
    from soundvcm.evaluation.scores import compute as compute
    from soundvcm.reference.onsets import detect_onsets as detect_onsets

__getattr__, __dir__ = front_door(__name__, __file__)
