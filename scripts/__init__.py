"""Commands beside the runner: weights, speed, the figures and tables of the papers."""
