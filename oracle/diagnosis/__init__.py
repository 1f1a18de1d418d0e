"""Which known mistake explains the difference between a gradient and the right one."""

from oracle.diagnosis.explanation import Explanation, explain, probe
from oracle.diagnosis.power import Power, power
from oracle.diagnosis.probes import probes, simple
from oracle.diagnosis.stability import spread_of_scores
from oracle.diagnosis.stages import first_wrong_stage
from oracle.diagnosis.triggers import triggers
from oracle.diagnosis.vocabulary import VOCABULARY, Cause

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
