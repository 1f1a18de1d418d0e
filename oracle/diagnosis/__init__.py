"""Finds the known mistakes that explain the difference between a gradient and the correct one."""

from oracle.diagnosis.causes import VOCABULARY, Cause, Explanation
from oracle.diagnosis.perceptrons import is_perceptron
from oracle.diagnosis.perceptrons.conditions import conditions
from oracle.diagnosis.perceptrons.detection_power import DetectionPower, detection_power
from oracle.diagnosis.perceptrons.explain import explain
from oracle.diagnosis.perceptrons.forward_pass import ForwardPass
from oracle.diagnosis.perceptrons.intermediates import first_wrong_stage
from oracle.diagnosis.perceptrons.probes import leading_label, probe, probes, simple
from oracle.diagnosis.perceptrons.score_rounding import spread_of_scores
from oracle.diagnosis.rule_mistakes import explain_arrays

__all__ = [
    "VOCABULARY",
    "Cause",
    "DetectionPower",
    "Explanation",
    "ForwardPass",
    "conditions",
    "detection_power",
    "explain",
    "explain_arrays",
    "first_wrong_stage",
    "is_perceptron",
    "leading_label",
    "probe",
    "probes",
    "simple",
    "spread_of_scores",
]
