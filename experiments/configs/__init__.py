"""Presets: one module per model, found by its name.

A module offers `PRESETS` (name -> RunConfig), `DATASETS` (preset -> what `--dataset` defaults to
is in the preset itself), `build(config, epoch, budget) -> Algorithm`, `evaluate`, `sheets` and
`ROLES`; docs/adding_a_model.md shows one.
"""

MODELS = ("cyclegan",)
