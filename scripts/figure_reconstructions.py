"""Makes Figure 1 of Gatys et al. 2016: what each layer keeps of a picture's content and style.

    python -m scripts.figure_reconstructions --run_dir=runs/figure1 --content=photo.jpg \
        --style=painting.jpg

The content is reconstructed from one of the layers conv1_2, 2_2, 3_2, 4_2 and 5_2 at a time. The
style is reconstructed from conv1_1, then from conv1_1 and 2_1, and so on to all five. Every cell
starts from noise.
"""

from experiments.cli import FLAGS, start
from scripts import cells

CONTENT = ("conv1_2", "conv2_2", "conv3_2", "conv4_2", "conv5_2")
STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


def _figure():
    from experiments.data import pictures
    from experiments.data.styles import read

    content = FLAGS.content or "photos:chelsea"
    style = (FLAGS.style or ["photos:immunohistochemistry"])[0]
    # the receptive field of VGG-19's conv5_2 is 188 pixels wide
    start = {"algorithm.init": "noise", "data.size": FLAGS.size or 384}
    contents, styles = [], []
    for layer in CONTENT:
        alone = {
            "algorithm.content_layers": [layer],
            "algorithm.content_layer_weights": [],
            "algorithm.style_weight": 0,
        }
        contents.append(cells.optimised("gatys", f"content-{layer}", start | alone))
    for count in range(1, len(STYLE) + 1):
        upto = {
            "algorithm.style_layers": STYLE[:count],
            "algorithm.style_layer_weights": [],
            "algorithm.content_weight": 0,
        }
        styles.append(cells.optimised("gatys", f"style-{STYLE[count - 1]}", start | upto))
    shape = contents[0].shape[:2]
    sources = [pictures.fit(read(name), shape, "crop") for name in (content, style)]
    rows = [[sources[0], *contents], [sources[1], *styles]]
    titles = ["picture", *(f"{a[4:]} | to {b[4:]}" for a, b in zip(CONTENT, STYLE, strict=True))]
    cells.save("reconstructions", pictures.sheet(rows, titles, ["content", "style"]))
    return 0


if __name__ == "__main__":
    start(_figure)
