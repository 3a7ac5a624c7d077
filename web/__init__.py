"""A page and a small API for the models of this repository: `python -m web`."""
