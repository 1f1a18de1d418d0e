"""Measurements: accuracy, sensitivity, throughput, and golden vectors for other languages."""
