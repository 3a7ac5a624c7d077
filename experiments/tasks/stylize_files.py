"""Carries out `--mode=stylize`: stylises files and folders with a trained network."""

from collections import Counter
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from core.errors import InputError
from core.names import short_name
from core.paths import user_path
from experiments.data import files, pictures
from experiments.data.styles import EMBEDDED, read_mask, sized, stem, style_number
from experiments.flag_values import either
from experiments.model import Run, Say
from experiments.tasks.trained_ranges import trained_ranges
from nst.controls import check_colours, check_masks, style_shares

CONTROLS = ("alpha", "style_weights", "mask", "colours")
CONTENT, STYLE = "photos:chelsea", "photos:immunohistochemistry"  # used if none is given


def stylize_mode(run: Run, flags: FlagValues, say: Say) -> int:
    """Stylises each content of `--content` in each style of `--style`; returns the exit status."""
    given = [flags.content] if flags.content else []
    contents, root = _flag_files("--content", given, CONTENT, say)
    groups = style_groups(run, flags, say)
    learned = run.task.learned_styles(run.config) is not None
    targets = _targets(flags, contents, root, groups, str if learned else stem)
    options, side = controls(flags), either(flags, "shorter_side") or 0
    written, unusable = 0, None
    files_given = [path for path in contents if isinstance(path, Path)]
    ranges = pictures.ranges_of("--content", files_given, say, trained_ranges(run, "content"))
    for (content, group), target in targets.items():
        try:
            picture = sized(content, side, ranges)
            result = _stylized(run, content, (picture, style_inputs(run, flags, group)), options)
        except InputError as error:
            unusable = error
            say(f"left out: {error}")
            continue
        pictures.write_png(target, result)
        written += 1
        say(f"{content} -> {target}")
    if unusable and not written:
        raise unusable
    return 0


def style_groups(run: Run, flags: FlagValues, say: Say | None = None) -> list[list]:
    """Returns a list of styles for each result: files, or names of learned styles.

    Styles that are mixed in one picture are in one list. `say` takes lines for a person.

    Raises:
        InputError: a file or style does not exist, or weights, masks or colours do not match.
    """
    names = run.task.learned_styles(run.config)
    if names is None:
        styles, _ = _flag_files("--style", flags.style, STYLE, say)
    else:
        styles = [names[style_number(style, names)] for style in flags.style or names]
    together = bool(flags.mask or flags.style_weights)
    groups = [styles] if together else [[style] for style in styles]
    _check_group(flags, len(groups[0]))
    return groups


def style_inputs(run: Run, flags: FlagValues, group: list) -> list:
    """Returns the styles of one group of `style_groups` as `Run.stylize` takes them."""
    if run.task.learned_styles(run.config) is not None:
        return group
    size = run.task.style_size if flags.style_size is None else flags.style_size
    ranges = trained_ranges(run, "style")
    return [sized(style, size, lambda: ranges) for style in group]


def controls(flags: FlagValues) -> dict[str, Any]:
    """Returns the options of `Run.stylize` that the flags give."""
    return {
        "alpha": 1.0 if flags.alpha is None else flags.alpha,
        "style_weights": [float(w) for w in flags.style_weights],
        "masks": flags.mask,
        "colours": flags.colours or "style",
    }


def _stylized(run, name, pictured, options):
    try:
        return run.stylize(*pictured, **options)
    except InputError as error:
        raise InputError(f"'{name}': {error}") from error


def _check_group(flags, count):
    """Refuses weights, masks and colours that would be refused for every picture."""
    try:
        style_shares(count, [float(weight) for weight in flags.style_weights])
        check_colours(flags.colours or "style")
        if flags.mask:
            check_masks([read_mask(name, (8, 8)) for name in flags.mask], count)
    except ValueError as error:
        raise InputError(f"--style, --mask: {error}") from error


def _flag_files(flag, values, default, say):
    """Returns the files of a flag and their folder, or `default` if the flag is not given."""
    if not values:
        return [default], Path(".")
    parts = [
        ([v], Path(".")) if v.startswith(EMBEDDED) else files.inputs(flag, v, say) for v in values
    ]
    return [path for group, _ in parts for path in group], parts[0][1]


def _targets(flags, contents, root, groups, title):
    """Returns `{(content, styles): file}`; all files are checked before the first one is made."""
    output = flags.output
    single = len(contents) == len(groups) == 1
    suffixes = ["+".join(title(str(style)) for style in group) for group in groups]
    if twice := [name for name, count in Counter(suffixes).items() if count > 1]:
        raise InputError(f"--style: '{twice[0]}' came twice. Give it once, or rename one of them.")
    if single and Path(output).suffix and not user_path(output).is_dir():
        targets = {(contents[0], tuple(groups[0])): files.output_file(output, "")}
    else:
        files.check_folder(output, [name for name in (flags.content, *flags.style) if name])
        names, folder = _content_names(contents, root), user_path(output)
        targets = {
            (content, tuple(group)): folder / name.parent / short_name(f"{name.stem}-{end}", ".png")
            for content, name in zip(contents, names, strict=True)
            for group, end in zip(groups, suffixes, strict=True)
        }
    if len(set(targets.values())) != len(targets):
        raise InputError(
            "--content, --style: two pairs of names would give the same file; rename a picture."
        )
    originals = [Path(p) for p in (*contents, *(s for g in groups for s in g))]
    files.check_overwrites(output, list(targets.values()), originals)
    return targets


def _content_names(contents, root):
    if isinstance(contents[0], str):
        return [Path(f"{stem(contents[0])}.png")]
    return files.names(contents, root)
