"""Makes Figures 2 and 3 of Gatys et al. 2015: textures from more layers, and fewer parameters.

    python -m scripts.figure_texture --run_dir=runs/textures --style=stones.jpg --style=bark.jpg

`layers.png` adds the layers of the model one by one. `parameters.png` has models with 1k and 10k
parameters (20 and 64 principal components of every layer), 177k (conv1_1 and the four pools) and
852k (all layers up to pool4).
"""

from experiments.cli import FLAGS, start
from scripts import cells

LAYERS = ("relu1_1", "pool1", "pool2", "pool3", "pool4")
COMPONENTS = (20, 64)


def parameters(channels: list[int], components: int = 0) -> int:
    """Returns how many different numbers the Gram matrices of some layers have.

    Args:
        channels: the channels of each layer.
        components: principal components that are kept of each layer; 0 keeps all channels.
    """
    sizes = [min(n, components or n) for n in channels]
    return sum(n * (n + 1) // 2 for n in sizes)


def _figure():
    from nst.features import CHANNELS, layer_names
    from nst.weights import load_weights

    network = load_weights(FLAGS.vgg_weights or "imagenet").network
    names = layer_names(network)
    every = [n for n in names[: names.index("pool4") + 1] if not n.startswith("conv")]
    widths = {name: CHANNELS[int(name[4]) - 1] for name in names}
    by_layer = {f"to {LAYERS[i]}": (LAYERS[: i + 1], 0) for i in range(len(LAYERS))}
    by_number = {}
    for layers, count in (
        (LAYERS, COMPONENTS[0]),
        (LAYERS, COMPONENTS[1]),
        (LAYERS, 0),
        (every, 0),
    ):
        number = parameters([widths[layer] for layer in layers], count)
        by_number[f"{number:,} parameters"] = (layers, count)
    _sheet("layers", by_layer)
    _sheet("parameters", by_number)
    return 0


def _sheet(name, models):
    """Writes a sheet with a row for each model and a column for each texture, sources last."""
    from experiments.data import pictures
    from experiments.data.styles import read, stem

    styles = FLAGS.style or ["photos:gravel", "photos:brick"]
    rows = []
    for layers, count in models.values():
        row = []
        for style in styles:
            changes = {
                "data.style": [style],
                "algorithm.style_layers": list(layers),
                "algorithm.components": count,
            }
            cell = f"{stem(style)}-{len(layers)}-{layers[-1]}-{count}"
            row.append(cells.optimised("texture", cell, changes))
        rows.append(row)
    sources = [pictures.fit(read(style), rows[0][0].shape[:2], "crop") for style in styles]
    cells.save(name, pictures.sheet([*rows, sources], row_titles=[*models, "source"]))


if __name__ == "__main__":
    start(_figure)
