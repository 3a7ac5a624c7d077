"""Small pictures of the styles that a network has learned, made while nobody waits."""

import hashlib
from pathlib import Path

from PIL import Image

from core.files import write_whole
from experiments.data import photos, pictures
from web import secret
from web.registry import Entry, Registry

PICTURE, SIDE = "chelsea", 160  # what is stylised, and the longer side in pixels


class Previews:
    """Keeps a preview of each learned style in a folder, which several processes may share."""

    def __init__(self, root: Path, registry: Registry):
        """Takes the folder, and the models."""
        self.root, self.registry = secret.folder(root), registry

    def want(self, entry: Entry) -> None:
        """Says that somebody looks at the page of a model."""
        self._folder(entry).mkdir(exist_ok=True)

    def path(self, entry: Entry, number: int) -> Path:
        """Returns the file of a style's preview, whether or not it is there yet."""
        return self._folder(entry) / f"{number}.jpg"

    def _folder(self, entry):
        name = hashlib.sha256(f"{entry.name} {entry.version}".encode()).hexdigest()[:24]
        return self.root / name

    def make_one(self) -> bool:
        """Makes the next preview that is wanted; returns whether there was one."""
        for entry in self.registry.entries().values():
            if entry.kind == "learned" and self._folder(entry).exists():
                for number in range(len(entry.styles)):
                    if not self.path(entry, number).exists():
                        self._make(entry, number)
                        return True
        return False

    def _make(self, entry, number):
        content = pictures.fit_side(photos.read(PICTURE), SIDE, max)
        path = self.path(entry, number)
        path.touch()  # one that fails is not tried again
        made = self.registry.run(entry.name).stylize(content, [number])
        write_whole(path, lambda file: Image.fromarray(made).save(file, "JPEG", quality=85))
