"""What the translation models share: evaluation, sheets, translating pictures of any size."""

import os
from pathlib import Path

import numpy as np

from core.errors import InputError
from experiments.data import files, pictures
from experiments.data.pipeline import test_images
from experiments.metrics.pairs import absolute_error, psnr, ssim
from experiments.training.imported import check_imported
from gan.cyclegan.networks import smallest_size

ROLES = ("A", "B")
DIRECTIONS = ("AtoB", "BtoA")
SHEET_ROWS = 6
TILE, OVERLAP = 512, 64  # pixels, for pictures that do not fit in memory whole
MEMINFO = "/proc/meminfo"
BUDGET = 2**30  # bytes for a picture where the free memory is not known


def translate_mode(run, flags, say) -> int:
    """`--mode=translate`: returns the exit status."""
    algorithm = run.algorithm
    written = translate_folder(
        _translator(run, flags.direction),
        flags.input,
        flags.output,
        multiple=algorithm.size_multiple,
        smallest=algorithm.smallest_size,
        channels=algorithm.width,
        say=say,
    )
    say(f"{written} written to {flags.output}")
    return 0


MODES = {"translate": translate_mode}


def translate_picture(run, picture, direction: str = "AtoB") -> np.ndarray:
    """Translates a picture at its own size.

    Args:
        run: a trained translation model.
        picture: a path, or uint8 `[H, W, 3]`.
        direction: "AtoB" or "BtoA".

    Returns:
        uint8 `[H, W, 3]` of the same size.
    """
    if isinstance(picture, (str, os.PathLike)):
        picture = pictures.read(picture)
    algorithm = run.algorithm
    network, limit = _translator(run, direction), max_pixels(algorithm.width)
    return translate(
        network, picture, algorithm.size_multiple, limit, smallest=algorithm.smallest_size
    )


def _translator(run, direction):
    if direction not in DIRECTIONS:
        raise InputError(f"--direction={direction}: expected one of {', '.join(DIRECTIONS)}")
    if direction not in run.algorithm.directions:
        (trained,) = run.algorithm.directions
        raise InputError(
            f"--direction={direction}: {run.run_dir} has learned {trained} alone. Give "
            f"--direction={trained}, or train another run with --set algorithm.direction="
            f"{direction}."
        )
    _check_imported(run, direction)
    return run.algorithm.translator(direction)


def check_ready(run) -> None:
    """Refuses to evaluate a run of which not every direction was imported."""
    for direction in run.algorithm.directions:
        _check_imported(run, direction)


def _check_imported(run, direction):
    check_imported(run, run.algorithm.translator_name(direction), f"--direction={direction}")


def check_patches(size: int, algorithm) -> None:
    """Refuses images that are too small for the patch discriminator, with a ValueError."""
    smallest = 3 * 2**algorithm.n_layers
    if algorithm.discriminator == "patch" and size < smallest:
        raise ValueError(
            f"data.size={size}: a patch discriminator of {algorithm.n_layers} layers needs "
            f"{smallest} pixels or more; lower algorithm.n_layers or raise data.size and "
            "data.load_size"
        )


def evaluate(algorithm, dataset, config) -> dict[str, float]:
    """Scores on the test images.

    Always the cycle error: mean absolute difference of an image and its way there and back, in
    8-bit levels (0 to 255). Where the test set has the true counterparts also PSNR (dB, mean over
    images, 8-bit images) and SSIM (Wang et al. 2004: Gaussian window of 11 pixels, sigma 1.5; mean
    over channels and images) of the translation, and of doing nothing ("identity").
    """
    images = {r: test_images(dataset, config.data, r, config.eval_images) for r in ROLES}
    there, again = {}, {}
    for source, direction, back in (("A", "AtoB", "BtoA"), ("B", "BtoA", "AtoB")):
        there[direction] = predict(algorithm.translator(direction), images[source])
        again[source] = predict(algorithm.translator(back), there[direction])
    scores = {f"cycle_error/{role}": absolute_error(again[role], images[role]) for role in ROLES}
    if dataset.truth:
        for direction, target in (("AtoB", "B"), ("BtoA", "A")):
            scores[f"psnr/{direction}"] = psnr(there[direction], images[target])
            scores[f"ssim/{direction}"] = ssim(there[direction], images[target])
        scores["psnr/identity"] = psnr(images["A"], images["B"])
        scores["ssim/identity"] = ssim(images["A"], images["B"])
    return scores


def predict(network, images: np.ndarray, batch_size: int = 16) -> np.ndarray:
    """Runs a translator on uint8 `[N, H, W, 3]` and returns the same."""
    parts = []
    for i in range(0, len(images), batch_size):
        part = pictures.to_float(images[i : i + batch_size])
        parts.append(pictures.to_uint8(_to_numpy(network(part, training=False))))
    return np.concatenate(parts)


def _to_numpy(tensor):
    from keras import ops

    return ops.convert_to_numpy(tensor).astype(np.float32)


def sheets(algorithm, dataset, config) -> dict[str, np.ndarray]:
    """`{"translation": picture}`: both directions side by side, each on test images of its own."""
    halves = []
    for shift, (source, target, there, back) in (
        (0, ("A", "B", "AtoB", "BtoA")),
        (0.5, ("B", "A", "BtoA", "AtoB")),
    ):
        images = test_images(dataset, config.data, source, SHEET_ROWS, shift)
        translated = predict(algorithm.translator(there), images)
        columns = [images, translated, predict(algorithm.translator(back), translated)]
        titles = [source, f"{source} to {target}", "and back"]
        if dataset.truth:
            columns.append(test_images(dataset, config.data, target, SHEET_ROWS, shift))
            titles.append("truth")
        halves.append((columns, titles))
    rows = zip(*halves[0][0], *halves[1][0], strict=False)
    scale = max(1, 128 // config.data.size)
    picture = pictures.sheet([list(r) for r in rows], halves[0][1] + halves[1][1], scale=scale)
    return {"translation": picture}


def translate_folder(
    network,
    source: str,
    output: str,
    *,
    multiple: int,
    channels: int,
    smallest: int | None = None,
    say=print,
) -> int:
    """Translates a picture, or every picture below a folder, at its own size, as PNG.

    Args:
        network: a translator.
        source, output: a file or a folder, and the folder that takes `<name>.png`.
        multiple, smallest: of the sizes that the network takes, see `translate`.
        channels: of the network's widest full-size layer, for the memory estimate.
        say: takes a line per picture and per one that is left out.

    Returns:
        How many were written.

    Raises:
        InputError: nothing to translate, nothing readable, the output cannot be written or would
            overwrite an original. Nothing was written then.
    """
    targets = _targets(source, output)
    written, errors = 0, []
    for path, target in targets.items():
        try:
            picture = pictures.read(path)
        except InputError as error:
            errors.append(str(error))
            say(f"left out: {error}")
            continue
        if not written:
            files.check_folder(output)
        translated = translate(network, picture, multiple, max_pixels(channels), smallest=smallest)
        pictures.write_png(target, translated)
        written += 1
        say(f"{path} -> {target}")
    if not written:
        raise InputError(
            f"--input={source}: none of {len(targets)} pictures can be read: {errors[0]}"
        )
    return written


def _targets(source, output):
    """Picture -> the file that takes its translation; refused where that is an original."""
    found, place = files.inputs("--input", source)
    folder = Path(output).expanduser()
    targets = [folder / name for name in files.names(found, place)]
    if folder.exists() and folder.samefile(place):
        originals = found if Path(source).expanduser().is_dir() else []
        for target in targets:
            if originals or target.exists():
                raise InputError(
                    f"--output={output}: would overwrite {target}; give another folder."
                )
    files.check_overwrites(output, targets, found)
    return dict(zip(found, targets, strict=True))


def max_pixels(channels: int) -> int:
    """How large a picture may be translated whole: a quarter of the free memory (`BUDGET`, where
    that is not known), at some eight float32 copies of the widest layer."""
    return max(TILE**2, _budget() // (channels * 4 * 8))


def _budget():
    try:
        lines = Path(MEMINFO).read_text().splitlines()
        (free,) = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
        return int(free) * 1024 // 4
    except (OSError, ValueError, IndexError):  # macOS has no such file
        return BUDGET


def translate(
    network, picture: np.ndarray, multiple: int, max_pixels: int, *, smallest: int | None = None
) -> np.ndarray:
    """Translates one picture, uint8 `[H, W, 3]` of any size, at its size.

    It is mirrored on to a size that the network takes. Whole if it has at most `max_pixels` pixels;
    otherwise in tiles whose overlaps fade into each other. (Instance norm, and batch norm as in
    training, see one tile at a time then, so tiles can differ a little in contrast.)

    Args:
        network: a translator.
        multiple, smallest: heights and widths that the network takes are multiples of the first,
            from the second on; None: what a ResNet generator takes.
    """
    height, width = picture.shape[:2]
    padded = _pad(picture, multiple, smallest or smallest_size(multiple))
    if height * width <= max_pixels:
        return predict(network, padded[None])[0, :height, :width]
    total = np.zeros(padded.shape, np.float32)
    weights = np.zeros((*padded.shape[:2], 1), np.float32)
    for top in _starts(padded.shape[0], multiple):
        for left in _starts(padded.shape[1], multiple):
            window = np.s_[top : top + TILE, left : left + TILE]
            tile = padded[window]
            fade = _fade(tile.shape[0])[:, None, None] * _fade(tile.shape[1])[None, :, None]
            total[window] += fade * predict(network, tile[None])[0]
            weights[window] += fade
    return np.rint(total / weights).astype(np.uint8)[:height, :width]


def _pad(picture, multiple, smallest):
    """Mirrors a picture on to sizes that the network takes."""
    pads = [(0, max(smallest - n, -n % multiple)) for n in picture.shape[:2]]
    # a mirror of a picture of one pixel is that pixel
    return np.pad(picture, [*pads, (0, 0)], mode="symmetric")


def _starts(length, multiple):
    """First rows (or columns) of tiles that cover `length`, the last one flush with the end."""
    last = max(0, length - TILE)
    step = (TILE - OVERLAP) // multiple * multiple
    return sorted({*range(0, last, step), last})


def _fade(length):
    """Rises over `OVERLAP` pixels, then stays 1, then falls; never 0."""
    ramp = (np.arange(length) + 1) / OVERLAP
    return np.minimum(1, np.minimum(ramp, ramp[::-1])).astype(np.float32)
