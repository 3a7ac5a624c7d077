"""What the translation models share: evaluation, sheets, translating pictures of any size."""

import uuid
from collections import Counter
from pathlib import Path

import numpy as np
from skimage.metrics import structural_similarity

from core.errors import InputError
from experiments.data import pictures
from experiments.data.pipeline import test_images

ROLES = ("A", "B")
DIRECTIONS = ("AtoB", "BtoA")
SHEET_ROWS = 6
TILE, OVERLAP = 512, 64  # pixels, for pictures that do not fit in memory whole
MEMINFO = "/proc/meminfo"
BUDGET = 2**30  # bytes for a picture where the free memory is not known


def translate_mode(run, flags, say) -> int:
    """`--mode=translate`: returns the exit status."""
    written = run.translate_folder(flags.input, flags.output, flags.direction, say)
    say(f"{written} written to {flags.output}")
    return 0


MODES = {"translate": translate_mode}


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
    scores = {f"cycle_error/{role}": _absolute(again[role], images[role]) for role in ROLES}
    if dataset.truth:
        for direction, target in (("AtoB", "B"), ("BtoA", "A")):
            scores[f"psnr/{direction}"] = psnr(there[direction], images[target])
            scores[f"ssim/{direction}"] = ssim(there[direction], images[target])
        scores["psnr/identity"] = psnr(images["A"], images["B"])
        scores["ssim/identity"] = ssim(images["A"], images["B"])
    return scores


def _absolute(a, b):
    return float(np.abs(a.astype(np.float32) - b).mean())


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of uint8 `[N, H, W, 3]`, mean over the N images.

    Equal images count as 100 dB.
    """
    error = np.square(a.astype(np.float32) - b).mean(axis=(1, 2, 3))
    return float(np.mean(10 * np.log10(255**2 / np.maximum(error, 255**2 * 1e-10))))


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004) of uint8 `[N, H, W, 3]`, mean over the N images."""
    options = {"channel_axis": -1, "gaussian_weights": True, "use_sample_covariance": False}
    pairs = zip(a, b, strict=True)
    return float(np.mean([structural_similarity(x, y, sigma=1.5, **options) for x, y in pairs]))


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
    network, source: str, output: str, *, multiple: int, channels: int, say=print
) -> int:
    """Translates a picture, or every picture below a folder, at its own size, as PNG.

    Args:
        network: a translator.
        source, output: a file or a folder, and the folder that takes `<name>.png`.
        multiple: sizes that the network takes are multiples of this.
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
            _probe(output)
        pictures.write_png(target, translate(network, picture, multiple, max_pixels(channels)))
        written += 1
        say(f"{path} -> {target}")
    if not written:
        raise InputError(
            f"--input={source}: none of {len(targets)} pictures can be read: {errors[0]}"
        )
    return written


def _targets(source, output):
    """Picture -> the file that takes its translation; refused where that is an original."""
    root, folder = Path(source).expanduser(), Path(output).expanduser()
    if not root.exists():
        raise InputError(f"--input={source}: does not exist. Give a picture or a folder of them.")
    files = pictures.find(root) if root.is_dir() else [root]
    if not files:
        raise InputError(f"--input={source}: no pictures in this folder.")
    place = root if root.is_dir() else root.parent
    targets = [folder / name for name in _names(files, place)]
    same = folder.exists() and folder.samefile(place)
    originals = {_file_id(path) for path in files} - {None}
    for target in targets:
        if (same and root.is_dir()) or (
            _file_id(target) and (same or _file_id(target) in originals)
        ):
            raise InputError(f"--output={output}: would overwrite {target}; give another folder.")
    return dict(zip(files, targets, strict=True))


def _file_id(path):
    """The same for two paths of one file, whatever links and letter case they go through."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _probe(output):
    """Makes the output folder and finds out whether files can be written there."""
    folder = Path(output).expanduser()
    probe = folder / f".{uuid.uuid4().hex}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"probe")
        probe.unlink()
    except OSError as error:
        raise InputError(f"--output={output}: Cannot write there: {error}. Give a folder that can "
                         "be written to.") from error  # fmt: skip


def _names(files, root):
    """`<stem>.png` in the same subfolder; the whole name where two would become one."""
    short = [path.relative_to(root).with_suffix(".png") for path in files]
    whole = [path.relative_to(root).with_name(f"{path.name}.png") for path in files]
    counts = Counter(short)
    names = [s if counts[s] == 1 else w for s, w in zip(short, whole, strict=True)]
    return names if len(set(names)) == len(names) else whole


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


def translate(network, picture: np.ndarray, multiple: int, max_pixels: int) -> np.ndarray:
    """Translates one picture, uint8 `[H, W, 3]` of any size, at its size.

    Whole if it has at most `max_pixels` pixels; otherwise in tiles whose overlaps fade into each
    other. (Instance norm sees one tile at a time then, so tiles can differ a little in contrast.)
    """
    height, width = picture.shape[:2]
    padded = _pad(picture, multiple)
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


def _pad(picture, multiple):
    """Mirrors a picture on to sizes that the network takes.

    Its first layer reflects 3 pixels and its narrowest one 1, which must be there.
    """
    least = max(8, 4 * multiple)
    pads = [(0, max(least - n, -n % multiple)) for n in picture.shape[:2]]
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
