"""What can be exported of networks that make a picture of a picture: translators and stylisers."""

import copy
from typing import Any

from keras import ops

from experiments.export.layers import CroppedTo, Mirrored, convertible
from experiments.export.networks import at_any_size, from_signed, signed
from experiments.export.parts import Part, Slot
from experiments.model import Run
from nst.adain.export import Moments, WithMoments
from nst.adain.networks import TAPS
from nst.features import field
from nst.ghiasi.bodies import SMALLEST_STYLE
from nst.ghiasi.networks import CODE
from nst.ghiasi.stylize import SIDE
from nst.style_swap.export import Swapped
from nst.style_swap.networks import TAP
from nst.transformer import MULTIPLE, smallest_size


def picture(
    name: str, meaning: str, *, channels: int = 3, smallest: int = 1, side: int = 0
) -> Slot:
    """A picture of any size that goes in."""
    return Slot(name, (None, None, channels), meaning, picture=True, smallest=smallest, side=side)


def result(meaning: str, channels: int = 3) -> Slot:
    """The picture that comes out."""
    return Slot("result", (None, None, channels), meaning, picture=True)


def convertible_copy(algorithm: Any) -> Any:
    """An algorithm with the same weights whose networks can be exported; not for training."""
    twin = copy.copy(algorithm)
    twin.networks = {name: convertible(network) for name, network in algorithm.networks.items()}
    return twin


def translator_parts(run: Run, directions: tuple[str, ...]) -> list[Part]:
    """A network for each direction."""
    return [_translator(run, direction) for direction in directions]


def _translator(run, direction):
    algorithm, channels = run.algorithm, run.algorithm.channels
    network = algorithm.exported(direction)
    sizes = algorithm.size_multiple, algorithm.smallest_size
    return Part(
        direction,
        f"translates a picture of {direction[0]} to {direction[-1]}",
        (picture("picture", f"a picture of domain {direction[0]}", channels=channels),),
        result(f"the same as a picture of domain {direction[-1]}", channels),
        lambda x: from_signed(at_any_size(convertible(network), signed(x), *sizes)),
        special=algorithm.draws,
        single=algorithm.single,
    )


def learned_parts(run: Run, names: tuple[str, ...]) -> list[Part]:
    """The network of learned styles; with the shares of the styles, or noise, where it takes them.

    Args:
        run: of Johnson, Ulyanov or Dumoulin.
        names: of the styles.
    """
    algorithm = convertible_copy(run.algorithm)
    inputs, sizes = [picture("content", "what is to be shown in the style")], _sizes(algorithm)
    if algorithm.conditional:
        meaning = f"the share of each style, of sum 1: {', '.join(names)}"
        inputs.append(Slot("styles", (len(names),), meaning, high=1.0, shares=True))
    if algorithm.noise_channels:
        inputs.append(_noise(algorithm))

    def call(content, *more):
        large = Mirrored(*sizes)(content)
        if algorithm.noise_channels:
            joined = ops.concatenate([large, Mirrored(*sizes)(more[0])], -1)
            return CroppedTo()(algorithm.picture(joined), content)
        return CroppedTo()(algorithm.stylise(large, *more), content)

    summary = "shows a content in a learned style"
    return [Part("stylizer", summary, tuple(inputs), result("the content in the style"), call)]


def texture_parts(run: Run) -> list[Part]:
    """The network that makes a texture of noise."""
    algorithm = convertible_copy(run.algorithm)

    def call(noise):
        return CroppedTo()(algorithm.picture(Mirrored(*_sizes(algorithm))(noise)), noise)

    texture = result("a texture of the noise's height and width")
    return [Part("texture", "makes a texture of noise", (_noise(algorithm),), texture, call)]


def _sizes(algorithm):
    return algorithm.size_multiple, algorithm.smallest_size


def _noise(algorithm):
    meaning = "numbers drawn evenly from 0 to 1, new ones for another picture"
    return Slot("noise", (None, None, algorithm.noise_channels), meaning, high=1.0)


def moment_parts(run: Run) -> list[Part]:
    """AdaIN: a style to its numbers, and a content with numbers to a picture."""
    algorithm, smallest = run.algorithm, field(run.algorithm.network, TAPS[-1]).size
    config, encoder = algorithm.config, algorithm.encoder
    decoder = convertible(algorithm.networks["decoder"])
    numbers = 2 * encoder.output[TAPS[-1]].shape[-1]

    def describe(style):
        code = encoder(style, training=False)[TAPS[-1]]
        return Moments(config.style_epsilon, config.unbiased)(code)

    def show(content, numbers):
        code = encoder(content, training=False)[TAPS[-1]]
        return CroppedTo()(decoder(WithMoments(config.unbiased)(code, numbers)), content)

    return _pair(describe, show, numbers, smallest, smallest, 0)


def code_parts(run: Run) -> list[Part]:
    """Ghiasi: a style to its code, and a content with a code to a picture."""
    algorithm = convertible_copy(run.algorithm)
    encoder, transformer = algorithm.networks["encoder"], algorithm.networks["transformer"]

    def show(content, numbers):
        large = Mirrored(MULTIPLE, smallest_size("reflect"))(content)
        return CroppedTo()(transformer([large, numbers], training=False), content)

    smallest = SMALLEST_STYLE[algorithm.config.encoder]
    return _pair(lambda style: encoder(style, training=False), show, CODE, 1, smallest, SIDE)


def _pair(describe, show, count, content_from, style_from, style_side):
    """Two parts: `describe` makes numbers of a style, once, and `show` uses them."""
    numbers = (count,)
    style = picture("style", "a picture in the style", smallest=style_from, side=style_side)
    content = picture("content", "what is to be shown in the style", smallest=content_from)
    made = Slot("code", numbers, "what describes the style")
    taken = Slot("numbers", numbers, "what describes the style", of="style")
    return [
        Part("style", "describes a style by numbers", (style,), made, describe),
        Part(
            "stylizer",
            "shows a content in the style of numbers",
            (content, taken),
            result("the content in the style"),
            show,
        ),
    ]


def swap_parts(run: Run) -> list[Part]:
    """Style swap: a content and a style of one size to a picture."""
    algorithm = convertible_copy(run.algorithm)
    encoder, inverse = algorithm.encoder, algorithm.networks["inverse"]
    smallest = run.stylizer.smallest_size

    def call(content, style):
        code, other = (encoder(x, training=False)[TAP] for x in (content, style))
        return CroppedTo()(inverse(Swapped(algorithm.config.patch)(code, other)), content)

    return [
        Part(
            "stylizer",
            "shows a content in the style of a picture of the same size",
            (
                picture("content", "what is to be shown in the style", smallest=smallest),
                picture("style", "a picture in the style", smallest=smallest),
            ),
            result("the content in the style"),
            call,
            fixed="style swap compares all patches, and has to know how many there are.",
            special="the search for the nearest patch has operations that it does not know:",
            single=True,
        )
    ]
