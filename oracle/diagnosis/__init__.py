"""Which known mistake explains the difference between a gradient and the right one."""

from oracle.diagnosis.causes import VOCABULARY, Cause
from oracle.diagnosis.perceptrons.conditions import triggers
from oracle.diagnosis.perceptrons.detection_power import Power, power
from oracle.diagnosis.perceptrons.explain import Explanation, explain, probe
from oracle.diagnosis.perceptrons.intermediates import first_wrong_stage
from oracle.diagnosis.perceptrons.probes import probes, simple
from oracle.diagnosis.perceptrons.score_rounding import spread_of_scores

__all__ = [
    "VOCABULARY",
    "Cause",
    "Explanation",
    "Power",
    "explain",
    "first_wrong_stage",
    "power",
    "probe",
    "probes",
    "simple",
    "spread_of_scores",
    "triggers",
]
