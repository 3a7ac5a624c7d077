"""Pairs the pictures of two folders by their names."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

from core.names import shown
from experiments.data import pictures

SHOWN = 3  # names in a message


class Pairing(NamedTuple):
    """The pairs of two lists of names.

    Attributes:
        partners: for names of the first list, in its order, the name in the second one.
        alone: the names of both lists that nothing in the other one is like.
        unclear: the names of both lists that have several partners to choose from.
    """

    partners: dict[PurePath, PurePath]
    alone: list[PurePath]
    unclear: list[PurePath]

    @property
    def complete(self) -> bool:
        """Whether every name of both lists has its partner."""
        return not self.alone and not self.unclear

    def problems(self) -> str:
        """Returns what a message says of the names that are in no pair."""
        parts = []
        if self.alone:
            alone = list(dict.fromkeys(map(stem, self.alone)))
            parts.append(f"{len(alone)} have no partner, such as {_listed(alone)}")
        if self.unclear:
            unclear = [name.as_posix() for name in self.unclear]
            parts.append(f"{len(unclear)} fit several partners, such as {_listed(unclear)}")
        return "; ".join(parts)


def by_name(a: Sequence[PurePath], b: Sequence[PurePath]) -> Pairing:
    """Pairs names that are the same but for the suffix of a picture file.

    The most alike come first: equal names; those that differ in the suffix; in the form of their
    Unicode text (macOS writes an accent as a letter of its own); in upper and lower case. Two names
    become a pair where no third one is as much alike.

    Args:
        a, b: the names of pictures, relative to their folders; no name comes twice in one list.
    """
    found: dict[PurePath, PurePath] = {}
    left_a, left_b = list(a), list(b)
    for form in (_as_it_is, _composed, _folded):
        for part in (PurePath.as_posix, stem):
            if left_a and left_b:
                found |= _unique(left_a, left_b, lambda name, f=form, p=part: f(p(name)))
                taken = set(found.values())
                left_a = [name for name in left_a if name not in found]
                left_b = [name for name in left_b if name not in taken]
    loose = [{_folded(stem(name)) for name in names} for names in (left_a, left_b)]
    shared = loose[0] & loose[1]
    left = [*left_a, *left_b]
    return Pairing(
        {name: found[name] for name in a if name in found},
        [name for name in left if _folded(stem(name)) not in shared],
        [name for name in left if _folded(stem(name)) in shared],
    )


def stem(name: PurePath) -> str:
    """Returns a name with slashes and without the suffix of a picture file; other dots stay."""
    known = name.suffix.lower() in pictures.EXTENSIONS
    return (name.with_suffix("") if known else name).as_posix()


def _unique(a, b, key):
    """Returns the pairs of names whose key occurs once in both lists."""
    groups = []
    for names in (a, b):
        group = defaultdict(list)
        for name in names:
            group[key(name)].append(name)
        groups.append({text: found[0] for text, found in group.items() if len(found) == 1})
    return {name: groups[1][text] for text, name in groups[0].items() if text in groups[1]}


def _as_it_is(text):
    return text


def _composed(text):
    return unicodedata.normalize("NFC", text)


def _folded(text):
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _listed(names):
    text = ", ".join(f"'{shown(name)}'" for name in names[:SHOWN])
    return text + (", …" if len(names) > SHOWN else "")
