"""Kinds of work: translation, generation, stylization, optimisation, video."""
