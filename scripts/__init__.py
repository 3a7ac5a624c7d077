"""Commands beside the runner: importing weights, measuring speed."""
