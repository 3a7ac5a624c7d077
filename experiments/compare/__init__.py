"""Compares methods on the same inputs: `python -m experiments.compare`."""
