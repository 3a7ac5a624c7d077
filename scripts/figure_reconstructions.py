"""Figure 1 of Gatys et al. 2016: what each layer keeps of a picture's content, and of its style.

    python -m scripts.figure_reconstructions --run_dir=runs/figure1 --content=photo.jpg \
        --style=painting.jpg

Content is reconstructed from conv1_2, 2_2, 3_2, 4_2, 5_2, one at a time; style from conv1_1, then
conv1_1 and 2_1, and so on to all five. Every cell starts from noise.
"""

from absl import app

from experiments.run import FLAGS, command
from scripts import cells

CONTENT = ("conv1_2", "conv2_2", "conv3_2", "conv4_2", "conv5_2")
STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


def _figure():
    from experiments.data import pictures
    from experiments.tasks.stylization import read

    content = FLAGS.content or "photos:chelsea"
    style = (FLAGS.style or ["photos:immunohistochemistry"])[0]
    # conv5_2 of VGG-19 sees 188 pixels
    start = {"algorithm.init": "noise", "data.size": FLAGS.size or 384}
    contents, styles = [], []
    for layer in CONTENT:
        alone = {"algorithm.content_layers": [layer], "algorithm.content_layer_weights": [],
                 "algorithm.style_weight": 0}  # fmt: skip
        contents.append(cells.optimised("gatys", f"content-{layer}", start | alone))
    for count in range(1, len(STYLE) + 1):
        upto = {"algorithm.style_layers": STYLE[:count], "algorithm.style_layer_weights": [],
                "algorithm.content_weight": 0}  # fmt: skip
        styles.append(cells.optimised("gatys", f"style-{STYLE[count - 1]}", start | upto))
    shape = contents[0].shape[:2]
    sources = [pictures.fit(read(name), shape, "crop") for name in (content, style)]
    rows = [[sources[0], *contents], [sources[1], *styles]]
    titles = ["picture", *(f"{a[4:]} | to {b[4:]}" for a, b in zip(CONTENT, STYLE, strict=True))]
    cells.save("reconstructions", pictures.sheet(rows, titles, ["content", "style"]))
    return 0


if __name__ == "__main__":
    app.run(command(_figure))
