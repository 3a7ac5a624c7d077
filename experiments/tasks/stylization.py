"""What the style transfer models share: reading their pictures, and stylising files."""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from keras import ops

from core.errors import InputError
from experiments.data import files, photos, pictures
from experiments.data.pipeline import test_images
from nst.controls import check_colours, check_masks, colour_style, style_shares
from nst.features import Weights, normalise
from nst.gatys.objective import Level
from nst.weights import digest, load_weights

EMBEDDED = "photos:"  # and a name of `experiments.data.photos`


@dataclass(frozen=True)
class PictureConfig:
    """The pictures of a model that optimises one.

    A picture is a file, or "photos:NAME", one of those that scikit-image brings.
    """

    content: str = "photos:chelsea"  # empty where there is none (texture synthesis)
    style: tuple[str, ...] = ("photos:immunohistochemistry",)
    style_weights: tuple[float, ...] = ()  # one a style; empty: equal
    mask: tuple[str, ...] = ()  # where each style goes (white); empty: everywhere, mixed
    size: int = 512  # of the result's longer side, pixels; 0: the content's own
    style_scale: float = 1.0  # longer side of the styles relative to the result's
    colours: str = "style"  # see nst.controls

    def __post_init__(self):
        if not self.style:
            raise ValueError("style: expected at least one picture")
        if self.size and self.size < 8:
            raise ValueError(f"size={self.size}: expected 8 or more, or 0 for the content's own")
        if not self.size and not self.content:
            raise ValueError("size=0 is the content's own size, and there is no content")
        if not 0 < self.style_scale <= 16:
            raise ValueError(f"style_scale={self.style_scale}: expected above 0, to 16")
        if self.mask and len(self.mask) != len(self.style):
            raise ValueError(
                f"{len(self.mask)} masks for {len(self.style)} styles: expected one for each style"
            )
        style_shares(len(self.style), self.style_weights)
        check_colours(self.colours)

    @property
    def label(self) -> str:
        """Short, for the name of the run's directory."""
        return "-".join(stem(name) for name in (self.content, *self.style) if name)


def stem(name: str) -> str:
    """A picture's name without folder and suffix."""
    return Path(name.removeprefix(EMBEDDED)).stem


def read(name: str | Path) -> np.ndarray:
    """A picture, uint8 `[H, W, 3]`, by file or "photos:NAME".

    Raises:
        InputError: it cannot be read.
    """
    name = str(name)
    if not name.startswith(EMBEDDED):
        return pictures.read(Path(name).expanduser())
    known = (*photos.CONTENT, *photos.STYLE)
    if name.removeprefix(EMBEDDED) not in known:
        raise InputError(f"'{name}': no such picture. Expected photos: and one of "
                         f"{', '.join(known)}, or a file.")  # fmt: skip
    return photos.read(name.removeprefix(EMBEDDED))


def read_mask(name: str | Path, shape: tuple[int, int]) -> np.ndarray:
    """A mask, float32 `[H, W]` in [0, 1], black to white, resized to `shape`."""
    return to_unit(pictures.fit(read(name), shape, "stretch")).mean(2)


def to_unit(picture: np.ndarray) -> np.ndarray:
    """uint8 -> float32 in [0, 1], as style transfer sees pictures."""
    return picture.astype(np.float32) / 255


def to_uint8(picture: np.ndarray) -> np.ndarray:
    """Float in [0, 1] -> uint8, clipped and rounded."""
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def features_weights(algorithm) -> Weights:
    """VGG's weights as a configuration wants them.

    Args:
        algorithm: has `weights`, `network`, `convention` and `normalise`, which rescales over the
            ten pictures of `experiments.data.photos`, 256 pixels, where filters do not fall
            below their layer's mean.

    Raises:
        InputError: see `nst.weights.load_weights`.
    """
    weights = load_weights(
        algorithm.weights, algorithm.network or None, algorithm.convention or None
    )
    if not algorithm.normalise:
        return weights
    names = (*photos.CONTENT, *photos.STYLE)
    images = (to_unit(pictures.fit(photos.read(name), 256, "crop")) for name in names)
    # averages differ in their last bits between backends; a run goes from one to the other
    return replace(normalise(weights, images, floor=1.0), identity=f"{digest(weights)} normalised")


def levels(config: PictureConfig, pyramid: tuple[int, ...]) -> list[Level]:
    """The pictures at the sizes of the pyramid and at the last.

    Raises:
        InputError: a picture or mask that cannot be used.
    """
    content = read(config.content) if config.content else None
    styles = [read(name) for name in config.style]
    last = config.size or max(content.shape[:2])
    if list(pyramid) != sorted(set(pyramid) - {last}) or any(size > last for size in pyramid):
        raise InputError(f"algorithm.pyramid={','.join(map(str, pyramid))}: expected increasing "
                         f"sizes below that of the result, {last}.")  # fmt: skip
    return [_level(config, content, styles, size) for size in (*pyramid, last)]


def _level(config, content, styles, size):
    shape = (size, size)
    if content is not None:
        content = to_unit(pictures.fit_side(content, size, max))
        shape = content.shape[:2]
    scaled = max(1, round(size * config.style_scale))
    styles = [to_unit(pictures.fit_side(style, scaled, max)) for style in styles]
    if content is not None:
        styles = [colour_style(style, content, config.colours) for style in styles]
    masks = np.stack([read_mask(name, shape) for name in config.mask]) if config.mask else None
    if masks is not None:
        check_masks(masks, len(styles))
    shares = style_shares(len(styles), config.style_weights).tolist()
    return Level(*shape, content, styles, shares, masks)


# --- training with contents and styles

ROLES = ("content", "style")
SHEET = 4  # contents and styles on the sheet


def digest_pixels(picture: np.ndarray) -> str:
    """By which a run knows its pictures again: 16 hexadecimal digits."""
    return hashlib.sha256(picture.tobytes()).hexdigest()[:16]


def evaluate_losses(algorithm, dataset, config) -> dict[str, float]:
    """`{"test/<name>": mean}` of `algorithm.losses(content, style)` over test pairs; the
    shorter list of the two again from its start."""
    images = [test_images(dataset, config.data, role, config.eval_images) for role in ROLES]
    rows = []
    for i in range(max(map(len, images))):
        content, style = (to_unit(x[i % len(x)])[None] for x in images)
        losses = algorithm.losses(content, style)
        rows.append({k: float(ops.convert_to_numpy(v)) for k, v in losses.items()})
    return {f"test/{name}": float(np.mean([row[name] for row in rows])) for name in rows[0]}


def stylized_sheet(stylizer, dataset, config) -> dict[str, np.ndarray]:
    """`{"stylized": contents x styles}` of test pictures."""
    contents, styles = (test_images(dataset, config.data, role, SHEET) for role in ROLES)
    blank = np.full_like(contents[0], 255)
    rows = [[blank, *styles]]
    for content in contents:
        results = (stylizer(to_unit(content), [to_unit(style)]) for style in styles)
        rows.append([content, *map(to_uint8, results)])
    titles = ["content", *("style" for _ in styles)]
    return {"stylized": pictures.sheet(rows, titles)}


# --- --mode=stylize: files with a trained network


def stylize(run, content, styles=None, *, alpha=1.0, weights=None, masks=None, colours="style"):
    """The content in the style of the styles, at the content's size.

    Args:
        run: a trained model, whose module has `make_stylizer(algorithm, config)`.
        content: a file, or uint8 `[H, W, 3]`.
        styles: files, or uint8 `[h, w, 3]` each; numbers or names of styles where the network has
            learned them: the first one, where none are given.
        alpha: strength, from 0 (the content) to 1.
        weights: of the styles, from 0 up, made to sum to 1; None: equal.
        masks: files, or float `[H, W]` in [0, 1] of the content's size, one a style; None or empty:
            everywhere, mixed.
        colours: of `nst.controls.COLOURS`.

    Returns:
        uint8 `[H, W, 3]`.

    Raises:
        InputError: numbers out of range, or that do not match; pictures that are too small.
    """
    files = (str, os.PathLike)
    content = read(content) if isinstance(content, files) else content
    if hasattr(run.module, "learned_styles"):
        known = run.module.learned_styles(run)
        styles = [style_number(style, known) for style in ([0] if styles is None else styles)]
    else:
        styles = [to_unit(read(p) if isinstance(p, files) else p) for p in styles or ()]
    if not styles:
        raise InputError("styles: none came; give one picture or more.")
    masks, shape = () if masks is None else masks, content.shape[:2]
    maps = [read_mask(m, shape) if isinstance(m, files) else m for m in masks] or None
    stylizer = run.module.make_stylizer(run.algorithm, run.config)
    try:
        picture = stylizer(
            to_unit(content), styles, alpha=alpha, weights=weights, masks=maps, colours=colours
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    return to_uint8(picture)


def style_number(style: int | str, names: Sequence[str]) -> int:
    """Of a style that a network has learned: a number from 0, or text: a name, or such a number.

    Raises:
        InputError: there is none; lists what there is.
    """
    if isinstance(style, str) and style in names:
        return list(names).index(style)
    number = int(style) if isinstance(style, int) or str(style).isdecimal() else -1
    if 0 <= number < len(names):
        return number
    listed = ", ".join(f"{i} ({name})" for i, name in enumerate(names))
    shown = style if isinstance(style, (int, str)) else type(style).__name__
    raise InputError(f"style {shown}: this network has learned {listed}. Give a number or a name.")


def stylize_mode(run, flags, say) -> int:
    """Folders of contents x folders of styles; returns the exit status."""
    contents, root = _flag_files("--content", [flags.content] if flags.content else [])
    groups = style_groups(run, flags)
    learned = hasattr(run.module, "learned_styles")
    targets = _targets(flags.output, contents, root, groups, str if learned else stem)
    options = controls(flags)
    written, error = 0, None
    for (content, group), target in targets.items():
        try:
            picture = sized(content, flags.size or 0)
            result = _stylized(run, content, (picture, style_inputs(run, flags, group)), options)
        except InputError as unusable:
            error = unusable
            say(f"left out: {error}")
            continue
        pictures.write_png(target, result)
        written += 1
        say(f"{content} -> {target}")
    if not written:
        raise error
    return 0


def style_groups(run, flags) -> list[list]:
    """The styles of `--style`, those that make one picture together in one list: files, or names
    of learned styles.

    Raises:
        InputError: no such file or style; weights, masks or colours that do not match.
    """
    if hasattr(run.module, "learned_styles"):
        names = run.module.learned_styles(run)
        if flags.style_size is not None:
            raise InputError("--style_size: the styles are in the network. Leave it out.")
        styles = [names[style_number(style, names)] for style in flags.style or names]
    else:
        styles, _ = _flag_files("--style", flags.style)
    together = bool(flags.mask or flags.style_weights)
    groups = [styles] if together else [[style] for style in styles]
    _check_group(flags, len(groups[0]))
    return groups


def style_inputs(run, flags, group) -> list:
    """What `stylize` takes as the styles of a group of `style_groups`."""
    if hasattr(run.module, "learned_styles"):
        return group
    return [sized(style, 512 if flags.style_size is None else flags.style_size) for style in group]


def controls(flags) -> dict:
    """The options of `stylize` that flags give."""
    return {
        "alpha": 1.0 if flags.alpha is None else flags.alpha,
        "weights": [float(w) for w in flags.style_weights],
        "masks": flags.mask,
        "colours": flags.colours or "style",
    }


def _stylized(run, name, pictured, options):
    try:
        return run.stylize(*pictured, **options)
    except InputError as error:
        raise InputError(f"'{name}': {error}") from error


def _check_group(flags, count):
    """What would be refused for every picture."""
    try:
        style_shares(count, [float(weight) for weight in flags.style_weights])
        check_colours(flags.colours or "style")
        if flags.mask:
            check_masks([read_mask(name, (8, 8)) for name in flags.mask], count)
    except ValueError as error:
        raise InputError(f"--style, --mask: {error}") from error


def _flag_files(flag, values):
    """Files of a flag, and their folder; embedded pictures where it is not given."""
    if not values:
        default = "photos:chelsea" if flag == "--content" else "photos:immunohistochemistry"
        return [default], Path(".")
    found = [([v], Path(".")) if v.startswith(EMBEDDED) else files.inputs(flag, v) for v in values]
    return [path for group, _ in found for path in group], found[0][1]


def _targets(output, contents, root, groups, title):
    """`{(content, styles): file}`, all of them checked before the first is made."""
    single = len(contents) == len(groups) == 1
    suffixes = ["+".join(title(str(style)) for style in group) for group in groups]
    if twice := [name for name, count in Counter(suffixes).items() if count > 1]:
        raise InputError(f"--style: '{twice[0]}' came twice. Give it once, or rename one of them.")
    if single and Path(output).suffix and not Path(output).expanduser().is_dir():
        target = files.output_file(output, "")
        found = {(contents[0], tuple(groups[0])): target}
    else:
        files.check_folder(output)
        names, folder = _content_names(contents, root), Path(output).expanduser()
        found = {
            (content, tuple(group)): folder / name.parent / f"{name.stem}-{end}.png"
            for content, name in zip(contents, names, strict=True)
            for group, end in zip(groups, suffixes, strict=True)
        }
    if len(set(found.values())) != len(found):
        raise InputError("--content, --style: two pairs of names would give the same file; rename "
                         "a picture.")  # fmt: skip
    read = [Path(p) for p in (*contents, *(s for g in groups for s in g))]
    files.check_overwrites(output, list(found.values()), read)
    return found


def _content_names(contents, root):
    if isinstance(contents[0], str):
        return [Path(f"{stem(contents[0])}.png")]
    return files.names(contents, root)


def sized(name: str | Path, size: int) -> np.ndarray:
    """A picture, uint8 `[H, W, 3]`, its shorter side `size` pixels; 0: its own size."""
    picture = read(name)
    return pictures.fit_side(picture, size) if size else picture
