"""Scores: what is measured (metrics), networks that listen (networks), whole comparisons and their report."""

from soundvcm.evaluation.definitions import find as find
from soundvcm.evaluation.feature_cache import FeatureCache as FeatureCache
from soundvcm.evaluation.networks import (
    Yamnet as Yamnet,
)
from soundvcm.evaluation.networks import (
    bundled_yamnet as bundled_yamnet,
)
from soundvcm.evaluation.networks import (
    class_scores as class_scores,
)
from soundvcm.evaluation.networks import (
    classify as classify,
)
from soundvcm.evaluation.protocol import Evaluation as Evaluation
from soundvcm.evaluation.protocol import evaluate as evaluate
from soundvcm.evaluation.report import write_report as write_report
from soundvcm.evaluation.scores import Score as Score
from soundvcm.evaluation.scores import compute as compute
