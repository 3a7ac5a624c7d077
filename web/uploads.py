"""Pictures that came from outside: checked by their bytes and their header, then decoded.

The name of an upload is used nowhere, and its type is what its content says.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.utils.translation import gettext as _
from PIL import Image

from core.errors import InputError
from experiments.data import pictures
from web.options import Options
from web.refused import Refused

LONGEST = 16  # times as long as the other side
_one_at_a_time = threading.Lock()  # a decoded picture can take hundreds of megabytes


class UploadToDisk(FileUploadHandler):
    """Writes uploads to temporary files, and of a file that is too long no more than the limit."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Starts the next file of a request."""
        from web.service import service

        super().new_file(*args, **kwargs)
        self.limit, self.length = service().options.upload_bytes, 0
        self.file = TemporaryUploadedFile("upload", self.content_type, 0, None)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Takes the next bytes."""
        self.length += len(raw_data)
        if self.length <= self.limit:
            self.file.write(raw_data)

    def file_complete(self, file_size: int) -> TemporaryUploadedFile:
        """Returns the file; its size is that of the upload, whatever was written."""
        self.file.seek(0)
        self.file.size = self.length
        return self.file


def receive(upload: Any, what: str, options: Options) -> np.ndarray:
    """Returns the picture in an uploaded file, uint8 `[H, W, 3]`, as `pictures.read` reads it.

    Args:
        upload: the file.
        what: how messages name it, such as "content".
        options: the limits.

    Raises:
        Refused: it is empty, too long, has too many pixels, or is not a picture.
    """
    if upload.size > options.upload_bytes:
        raise Refused(
            _("%(what)s: the file has %(size).1f MB; at most %(limit)g MB can be sent.")
            % {"what": what, "size": upload.size / 1e6, "limit": options.upload_mb},
            413,
        )
    if upload.size == 0:
        raise Refused(_("%(what)s: the file is empty.") % {"what": what})
    path = Path(upload.temporary_file_path())
    _check_header(path, what, options)
    with _one_at_a_time:
        try:
            return pictures.read(path)
        except InputError:
            raise Refused(
                _("%(what)s: the picture is damaged or cut off. Send another copy of it.")
                % {"what": what}
            ) from None


def _check_header(path, what, options):
    """Refuses by the header alone what is not a picture, or has too many pixels."""
    try:
        height, width = pictures.shape(path)
    except InputError as error:
        if isinstance(error.__cause__, Image.DecompressionBombError):
            raise _too_many(what, options) from None
        raise Refused(
            _("%(what)s: not a picture that can be read. Send a JPEG, PNG, WebP, GIF, BMP or TIFF.")
            % {"what": what},
            415,
        ) from None
    if height * width > options.megapixels * 1e6:
        raise _too_many(what, options)
    if max(height, width) > LONGEST * min(height, width):
        raise Refused(
            _("%(what)s: one side is more than %(n)d times the other. Cut out a part of it.")
            % {"what": what, "n": LONGEST}
        )
    if min(height, width) < 8:
        raise Refused(
            _("%(what)s: %(width)d x %(height)d pixels; at least 8 x 8 are needed.")
            % {"what": what, "width": width, "height": height}
        )


def _too_many(what, options):
    return Refused(
        _("%(what)s: more than %(limit)g million pixels. Make it smaller first.")
        % {"what": what, "limit": options.megapixels},
        413,
    )


def limited(picture: np.ndarray, side: int, of: Callable = max) -> np.ndarray:
    """Returns a picture whose longer (`of=max`) or shorter (`of=min`) side is at most `side`."""
    return pictures.fit_side(picture, side, of) if of(picture.shape[:2]) > side else picture
