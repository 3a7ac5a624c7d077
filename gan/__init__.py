"""Adversarial models, a folder per paper."""
