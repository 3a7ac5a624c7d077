"""One module per model, found by its name.

A module offers `PRESETS` (name -> RunConfig), `ROLES` (the domains it needs, () for none),
`build(config, epoch, budget) -> Algorithm`, `evaluate` and `sheets`, and may offer more;
docs/adding_a_model.md lists it all.
"""

MODELS = (
    "gatys",
    "texture",
    "adain",
    "johnson",
    "dumoulin",
    "ulyanov",
    "ulyanov_texture",
    "style_swap",
    "style_swap_optimise",
    "cyclegan",
    "pix2pix",
    "dcgan",
    "progan",
    "stylegan",
)
