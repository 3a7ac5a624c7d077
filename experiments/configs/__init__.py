"""One module per model, found by its name.

A module offers `PRESETS` (name -> RunConfig), `ROLES` (the domains it needs, () for none),
`build(config, epoch, budget) -> Algorithm`, `evaluate` and `sheets`, and may offer `MODES` (further
values of `--mode`), `BRANCHES` (see `core.engine.setup`) and `batches` (its own data);
docs/adding_a_model.md shows one.
"""

MODELS = ("gatys", "texture", "adain", "cyclegan", "pix2pix", "dcgan", "progan", "stylegan")
