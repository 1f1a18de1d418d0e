"""Which known mistake explains the difference between a gradient and the right one."""

from oracle.diagnosis.causes import VOCABULARY, Cause
from oracle.diagnosis.perceptrons import is_perceptron
from oracle.diagnosis.perceptrons.conditions import triggers as conditions
from oracle.diagnosis.perceptrons.detection_power import Power, power
from oracle.diagnosis.perceptrons.explain import Explanation, explain, probe
from oracle.diagnosis.perceptrons.intermediates import first_wrong_stage
from oracle.diagnosis.perceptrons.mistakes import Forward
from oracle.diagnosis.perceptrons.probes import leading_label, probes, simple
from oracle.diagnosis.perceptrons.score_rounding import spread_of_scores
from oracle.diagnosis.rule_mistakes import explain_arrays

__all__ = [
    "VOCABULARY",
    "Cause",
    "Explanation",
    "Forward",
    "Power",
    "conditions",
    "explain",
    "explain_arrays",
    "first_wrong_stage",
    "is_perceptron",
    "leading_label",
    "power",
    "probe",
    "probes",
    "simple",
    "spread_of_scores",
]
