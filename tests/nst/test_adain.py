"""AdaIN's training step against PyTorch (tests/golden/README.md), and what the stylizer offers."""

import json
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from core import engine
from core.errors import InputError
from nst import autoencoder
from nst.adain.algorithm import AdaIN
from nst.adain.config import AdaINConfig
from nst.adain.networks import decoder, encoder
from nst.adain.stylize import AdaINStylizer
from nst.controls import COLOURS
from nst.features import Weights, convolutions
from nst.weights import random_weights

pytestmark = pytest.mark.backends

GOLDEN = Path(__file__).parents[1] / "golden"
ENCODER = (2, 5, 9, 12, 16, 19, 22, 25, 29)  # the convolutions of the official Sequentials
DECODER = (1, 5, 8, 11, 14, 18, 21, 25, 28)
VARIANTS = {  # of the golden file: the official code and the PyTorch port
    "sum": {},
    "mean": {
        "style_weight": 10.0,
        "style_reduction": "mean",
        "unbiased": True,
        "style_epsilon": 1e-5,
        "output_epsilon": 1e-5,
    },
}
RNG = np.random.default_rng(0)


def numpy(x):
    return np.array(ops.convert_to_numpy(x))


# --- the training step


def keras_layout(x):
    return x.transpose(2, 3, 1, 0) if x.ndim == 4 else x


def in_order(arrays, prefix):
    """Kernel and bias of the decoder's convolutions, in Keras' layout."""
    names = [f"{prefix}decoder.{i}.{part}" for i in DECODER for part in ("weight", "bias")]
    return {name: keras_layout(arrays[name]) for name in names}


@pytest.fixture(scope="module", params=VARIANTS)
def step(request):
    """`(reference, logs, gradients, weights after two steps, and before)` of a variant."""
    with np.load(GOLDEN / "adain_step.npz") as file:
        reference = dict(file)
    random, state = np.random.default_rng(int(reference["recipe_seed"])), {}
    for name, shape in json.loads(str(reference["names"])):
        scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
        state[name] = random.standard_normal(shape).astype("float32") * np.float32(scale)
    kernels = {
        layer: (keras_layout(state[f"encoder.{i}.weight"]), state[f"encoder.{i}.bias"])
        for layer, i in zip(convolutions("vgg19"), ENCODER, strict=False)
    }
    colour = state["encoder.0.weight"][:, :, 0, 0].T, state["encoder.0.bias"]
    config = AdaINConfig(
        **VARIANTS[request.param],
        learning_rate=float(reference["learning_rate"]),
        decay=float(reference["decay"]),
    )
    adain = AdaIN(config, Weights("golden", "vgg19", kernels, colour), size=36, batch_size=2)
    variables = adain.networks["decoder"].trainable_variables
    for variable, value in zip(variables, in_order(state, "").values(), strict=True):
        variable.assign(value)
    pictures = {role: reference[role].transpose(0, 2, 3, 1) for role in ("content", "style")}
    batch = {role: np.float32(x / 127.5 - 1) for role, x in pictures.items()}

    logs = {k: float(numpy(v)) for k, v in adain.step(engine.shard(batch), 0).items()}
    optimizer = adain.phases[0].optimizer  # its first moment is a tenth of the first gradient
    gradients = [numpy(m) / (1 - config.beta_1) for m in optimizer._momentums]
    adain.step(engine.shard(batch), 1)
    prefix = f"{request.param}/"
    own = {k.removeprefix(prefix): v for k, v in reference.items() if k.startswith(prefix)}
    before = in_order(state, "")
    return own, logs, gradients, [numpy(v) for v in variables], list(before.values())


def test_losses_of_a_step(step):
    reference, logs = step[:2]
    names = {"content": "content", "style": "style", "total": "decoder"}
    assert {f"loss/{name}" for name in names.values()} == set(logs)
    for theirs, ours in names.items():
        wanted = float(reference[f"loss/{theirs}"])
        assert logs[f"loss/{ours}"] == pytest.approx(wanted, rel=1e-5), ours


def test_gradients_of_a_step(step):
    expected = in_order(step[0], "grad/")
    for (name, wanted), found in zip(expected.items(), step[2], strict=True):
        largest = np.abs(wanted).max()
        assert largest > 1e-3, name
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * largest, err_msg=name)


def test_weights_after_two_steps(step):
    """Each moves by up to 1.67e-4: the second step's rate is two thirds of the first one's."""
    expected = in_order(step[0], "after/")
    for (name, wanted), found, before in zip(expected.items(), *step[3:], strict=True):
        assert np.abs(wanted - before).max() > 1.5e-4, name
        np.testing.assert_allclose(found, wanted, rtol=0, atol=5e-7, err_msg=name)


def test_the_rate_falls_as_published():
    adain = AdaIN(AdaINConfig(), random_weights(width=0), size=72, batch_size=8)
    assert adain.learning_rate(0) == 1e-4
    assert adain.learning_rate(8 * 160_000) == pytest.approx(1e-4 / 9)


# --- the stylizer


def picture(height, width, seed=0):
    """Smooth colours and some grain, in [0, 1]."""
    random = np.random.default_rng(seed)
    rows, columns = np.linspace(0, 5, height)[:, None], np.linspace(0, 5, width)
    waves = [np.sin(rows * a + columns * b + c) for a, b, c in random.uniform(0.5, 3, (3, 3))]
    grain = random.uniform(-0.1, 0.1, (height, width, 3))
    return np.clip(0.5 + 0.3 * np.stack(waves, -1) + grain, 0, 1).astype("float32")


CONTENT, STYLES = picture(88, 75), [picture(72, 90, 1) ** 2, picture(80, 70, 2) ** 0.5]


def networks(network="vgg19"):
    """Narrow ones; the decoder gives colours that lie in [0, 1] and fill much of it."""
    weights = random_weights(network, seed=1, width=1 / 32)
    channels = tuple(weights.kernels[f"conv{b}_1"][1].shape[0] for b in range(1, 5))
    random, pair = np.random.default_rng(2), (encoder(weights), decoder(network, channels))
    for variable in pair[1].trainable_variables:
        scale = np.sqrt(2 / np.prod(variable.shape[:3])) if len(variable.shape) == 4 else 0
        variable.assign(scale * random.standard_normal(variable.shape))
    result = numpy(pair[1](pair[0](CONTENT[None])["relu4_1"]))
    last = pair[1].trainable_variables[-2:]
    factor = 0.15 / result.std((0, 1, 2))
    last[0].assign(numpy(last[0]) * factor)
    last[1].assign(0.5 - result.mean((0, 1, 2)) * factor)
    return pair


@pytest.fixture(scope="module")
def stylizer():
    return AdaINStylizer(*networks())


@pytest.fixture
def code_of(stylizer, monkeypatch):
    """As the stylizer, but the code that is decoded, `[h, w, C]`."""

    def call(content=CONTENT, styles=STYLES, **controls):
        codes = []
        decode = stylizer.decode
        with monkeypatch.context() as patch:
            patch.setattr(
                stylizer, "decode", lambda code: codes.append(numpy(code)) or decode(code)
            )
            stylizer(content, styles, **controls)
        return codes[0][0]

    return call


def shifted(code, share, style):
    """AdaIN by hand: the moments of `code` over `share`, `[h, w]`, become those of `style`."""
    share = (share / share.sum())[..., None]
    mean = (share * code).sum((0, 1))
    std = np.sqrt((share * (code - mean) ** 2).sum((0, 1)) + 1e-5)
    return (code - mean) / std * style.std((0, 1)) + style.mean((0, 1))


def assert_close(found, expected, tolerance=1e-5):
    """To a share of the largest entry."""
    atol = tolerance * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("size", [(101, 75), (68, 68), (69, 136)])
def test_the_result_has_the_size_of_the_content(stylizer, size):
    result = stylizer(picture(*size), STYLES[:1])
    assert result.shape == (*size, 3) and result.dtype == np.float32
    assert result.min() >= 0 and result.max() <= 1 and result.std() > 0.05


def test_alpha_0_is_the_autoencoder_and_does_not_see_the_style(stylizer):
    plain = np.clip(stylizer.decode(stylizer.encode(CONTENT))[:88, :75], 0, 1)
    for style in STYLES:
        np.testing.assert_allclose(stylizer(CONTENT, [style], alpha=0), plain, rtol=0, atol=1e-6)
    assert np.abs(stylizer(CONTENT, STYLES[:1]) - plain).max() > 0.1


def test_alpha_1_has_the_moments_of_the_style(stylizer, code_of):
    style = stylizer.encode(STYLES[0])[0]
    found = code_of(styles=STYLES[:1])
    assert_close(found.mean((0, 1)), style.mean((0, 1)), 1e-4)
    assert_close(found.std((0, 1)), style.std((0, 1)), 1e-4)


def test_alpha_is_linear_in_the_code(code_of):
    none, some, all_ = (code_of(alpha=alpha) for alpha in (0, 0.3, 1))
    assert_close(some, 0.7 * none + 0.3 * all_)


def test_weights_mix_the_codes(stylizer, code_of):
    one, two = (code_of(styles=[style]) for style in STYLES)
    assert_close(code_of(style_weights=(3, 1)), 0.75 * one + 0.25 * two)
    assert_close(code_of(), (one + two) / 2)
    single = stylizer(CONTENT, STYLES[:1])
    np.testing.assert_allclose(stylizer(CONTENT, STYLES, style_weights=(1, 0)), single, atol=1e-5)
    assert np.abs(single - stylizer(CONTENT, STYLES[1:])).max() > 0.1


def test_the_moments_are_those_of_the_training():
    pair, content = networks(), picture(160, 160)
    code, style = (AdaINStylizer(*pair).encode(x)[0] for x in (content, STYLES[0]))
    variance = style.var((0, 1))
    for options, wanted in (
        ({"style_epsilon": 1e3}, variance + 1e3),
        ({"unbiased": True}, variance * (108 / 107) / (400 / 399)),  # positions of the codes
    ):
        stylizer, codes = AdaINStylizer(*pair, **options), []
        decode = stylizer.decode
        stylizer.decode = lambda x, c=codes, d=decode: c.append(numpy(x)) or d(x)
        stylizer(content, STYLES[:1])
        live = code.std((0, 1)) > 1
        assert live.sum() > 4
        assert_close(codes[0][0].var((0, 1))[live], wanted[live], 1e-4)


# --- masks


def test_one_white_mask_is_no_mask(code_of):
    white = np.ones((1, 88, 75), "float32")
    assert_close(code_of(styles=STYLES[:1], masks=white), code_of(styles=STYLES[:1]), 1e-4)


def test_unbiased_moments_become_biased_ones_under_a_mask():
    stylizer = AdaINStylizer(*networks(), unbiased=True)
    plain = stylizer(CONTENT, STYLES[:1])
    masked = stylizer(CONTENT, STYLES[:1], masks=np.ones((1, 88, 75), "float32"))
    np.testing.assert_allclose(masked, plain, rtol=0, atol=0.02)  # 110 positions


def halves(height, width):
    """Left and right, disjoint, on a border of the code's positions."""
    left = np.zeros((height, width), "float32")
    left[:, : width // 16 * 8] = 1
    return np.stack([left, 1 - left])


def test_regions_take_the_moments_of_their_own_style(stylizer, code_of):
    content, masks = picture(72, 160), halves(72, 160)
    found, code = code_of(content, masks=masks), stylizer.encode(content)[0]
    for i, columns in enumerate((np.s_[:10], np.s_[10:])):
        style = stylizer.encode(STYLES[i])[0]
        expected = shifted(code, masks[i, ::8, ::8], style)
        assert_close(found[:, columns], expected[:, columns], 1e-4)


def test_far_from_the_border_the_other_style_is_not_seen(stylizer):
    content, masks = picture(72, 200), halves(72, 200)
    one = stylizer(content, STYLES, masks=masks)
    two = stylizer(content, [STYLES[0], STYLES[0]], masks=masks)
    change = np.abs(one - two).max((0, 2))
    assert change[: 96 - 48].max() < 1e-5 and change[96 + 48 :].min() > 1e-3


def test_soft_masks_share_positions_and_leave_the_rest_to_the_content(stylizer, code_of):
    shares = RNG.uniform(0, 1, (2, 11, 10))
    shares[:, :4] /= 2  # these sum to less than 1, some of the others to more
    shares[:, 2] = 0
    masks = np.repeat(np.repeat(shares, 8, 1), 8, 2)[:, :88, :75].astype("float32")
    code, styles = stylizer.encode(CONTENT)[0], [stylizer.encode(s)[0] for s in STYLES]
    shares = shares / np.maximum(1, shares.sum(0))
    expected = (1 - shares.sum(0))[..., None] * code
    for share, style in zip(shares, styles, strict=True):
        expected = expected + share[..., None] * shifted(code, share, style)
    found = code_of(masks=masks)
    assert_close(found, expected, 1e-4)
    assert_close(found[2], code[2])


def test_a_style_of_no_weight_leaves_its_region_to_the_content(stylizer, code_of):
    code, found = stylizer.encode(CONTENT)[0], code_of(masks=halves(88, 75), style_weights=(1, 0))
    assert_close(found[:, 4:], code[:, 4:])
    assert np.abs(found[:, :4] - code[:, :4]).max() > 0.1 * code.std()


def test_a_mask_of_one_pixel(stylizer):
    masks = np.zeros((1, 88, 75), "float32")
    masks[0, 87, 74] = 1
    result = stylizer(CONTENT, STYLES[:1], masks=masks)
    plain = stylizer(CONTENT, STYLES[:1], alpha=0)
    np.testing.assert_allclose(result[:40, :35], plain[:40, :35], atol=1e-5)
    assert np.isfinite(result).all()


# --- colours and all of it


def chroma(x):
    return x - (x @ np.array([0.299, 0.587, 0.114]))[..., None]


@pytest.mark.parametrize("colours", COLOURS)
def test_colours(stylizer, colours):
    result = stylizer(CONTENT, STYLES[:1], colours=colours)
    assert result.shape == CONTENT.shape and result.min() >= 0 and result.max() <= 1
    if colours == "luminance":
        inside = ((result > 0) & (result < 1)).all(-1)
        assert inside.mean() > 0.5
        np.testing.assert_allclose(chroma(result)[inside], chroma(CONTENT)[inside], atol=1e-5)
    if colours != "style":
        assert np.abs(result - stylizer(CONTENT, STYLES[:1])).max() > 0.02


def test_strength_weights_masks_and_colours_in_one_call(stylizer):
    masks = np.stack([np.linspace(0, 1, 75)[None].repeat(88, 0), np.full((88, 75), 0.5)])
    everything = {"alpha": 0.6, "style_weights": (2, 1), "masks": masks, "colours": "luminance"}
    result = stylizer(CONTENT, STYLES, **everything)
    assert result.shape == CONTENT.shape and np.isfinite(result).all()
    for left_out in everything:
        rest = {k: v for k, v in everything.items() if k != left_out}
        assert np.abs(stylizer(CONTENT, STYLES, **rest) - result).max() > 0.01, left_out


# --- tiles


def seen_by_networks(monkeypatch):
    """A list that gets the shape of everything that a compiled network is given from now on."""
    shapes, compiling = [], engine.compile_by_shape

    def recorded(*args):
        network = compiling(*args)
        return lambda x: shapes.append(x.shape) or network(x)

    monkeypatch.setattr(engine, "compile_by_shape", recorded)
    return shapes


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_tiles_are_seamless(network, monkeypatch):
    shapes, content = seen_by_networks(monkeypatch), picture(150, 100)
    stylizer = AdaINStylizer(*networks(network), network)
    code, whole = stylizer.encode(content), stylizer(content, STYLES[:1])
    raw = stylizer.decode(code)
    shapes.clear()
    monkeypatch.setattr(autoencoder, "WHOLE", 1)
    monkeypatch.setattr(autoencoder, "TILE", 64)
    assert_close(stylizer.encode(content), code, 1e-4)
    assert len(shapes) == 3 * 2
    assert_close(stylizer.decode(code), raw, 1e-4)
    assert len(shapes) == 2 * 3 * 2 and max(shape[1] for shape in shapes[6:]) < 19
    np.testing.assert_allclose(stylizer(content, STYLES[:1]), whole, rtol=0, atol=1e-4)


# --- what is refused

BAD = [
    ({"alpha": -0.1}, "alpha=-0.1"),
    ({"alpha": 1.5}, "alpha=1.5"),
    ({"alpha": float("nan")}, "alpha=nan"),
    ({"style_weights": (0, 0)}, "do not sum to zero"),
    ({"style_weights": (2, -1)}, "style weights 2, -1"),
    ({"style_weights": (1, float("nan"))}, "style weights 1, nan"),
    ({"style_weights": (1,)}, "1 style weights for 2 styles"),
    ({"colours": "sepia"}, "colours='sepia'"),
    ({"masks": np.ones((1, 88, 75))}, "1 masks for 2 styles"),
    ({"masks": np.stack([np.ones((88, 75)), np.zeros((88, 75))])}, "mask 2 is black"),
    ({"masks": np.ones((2, 44, 75))}, "mask.*size|size.*mask"),  # not the content's
]


@pytest.mark.parametrize(("controls", "message"), BAD, ids=[message for _, message in BAD])
def test_numbers_out_of_range_are_refused(stylizer, controls, message):
    with pytest.raises(ValueError, match=message):
        stylizer(CONTENT, STYLES, **controls)


def test_no_styles_are_refused(stylizer):
    with pytest.raises(ValueError, match="style"):
        stylizer(CONTENT, [])


def test_pictures_smaller_than_the_field_are_refused(stylizer):
    for content, style, name in (
        (picture(67, 100), CONTENT, "content: 100x67"),
        (CONTENT, picture(90, 20), "style: 20x90"),
    ):
        with pytest.raises(InputError, match=f"{name} pixels, but relu4_1 of vgg19 sees 68x68"):
            stylizer(content, [style])
