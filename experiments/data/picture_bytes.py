"""Checks the bytes of PNG and JPEG files for what Pillow lets pass, before it decodes them.

Pillow does not verify the checksums of a PNG's pixels, refuses good pixels because of long
metadata beside them, and decodes a JPEG of any number of scans.

Source of the formats: W3C, PNG specification (third edition), sections 5 and 11; ITU-T T.81,
annex B.
"""

import io
import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from PIL import PngImagePlugin

PNG = b"\x89PNG\r\n\x1a\n"
MAX_METADATA = 2**24  # bytes of a colour profile, or of a text that says the orientation, unpacked
BLOCK = 2**20  # bytes that are read at once
ORIENTATION = (b"XML:com.adobe.xmp", b"Raw profile type exif", b"exif")  # texts that may say it
MAX_SCANS = 100  # of a JPEG; usual are 1 to 20
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd8]")  # of a segment, not within or between pixels
_SOS, _EOI, _FRAMES = 0xDA, 0xD9, {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}

# Longer profiles are left out below, so this is what it takes at most, and not 1 MiB.
PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, MAX_METADATA)


class SlowFileError(ValueError):
    """A file whose pixels would take minutes to decode."""


class Chunk(NamedTuple):
    """A chunk of a PNG: its name, where it starts and ends in the file, and what is wrong there."""

    kind: bytes
    start: int
    end: int
    damage: str  # empty for a whole chunk

    @property
    def makes_pixels(self) -> bool:
        """Whether pixels depend on it: the chunks that a decoder must know, and opacity."""
        return not self.kind[0] & 32 or self.kind == b"tRNS"


def checked_png(file: BinaryIO, pixels: bool = True) -> BinaryIO:
    """Returns a PNG file without the metadata that pixels do not depend on, at its beginning.

    A colour profile and what says the orientation stay, before the pixels, where they are whole and
    not too long.

    Args:
        file: a PNG file; it is read in blocks.
        pixels: False: the pixels themselves are passed over, neither read nor checked.

    Raises:
        ValueError: a checksum of what makes pixels is wrong, or the file ends before it.
    """
    spans, room, whole, first = [(0, len(PNG))], MAX_METADATA, True, 0
    for chunk in _chunks(file, pixels):
        if chunk.makes_pixels and chunk.damage and chunk.kind != b"IEND":
            raise ValueError(f"{chunk.damage} in {chunk.kind.decode('latin-1')!r}")
        length = 0 if chunk.makes_pixels else _metadata(file, chunk, room)
        if length is None:
            whole = False
            continue
        room -= length
        if first and not chunk.makes_pixels:
            whole = False
            spans.insert(first, (chunk.start, chunk.end))
            continue
        if chunk.kind == b"IDAT" and not first:
            first = len(spans)
        spans.append((chunk.start, chunk.end))
    if whole:
        file.seek(0)
        return file
    return io.BytesIO(b"".join(_parts(file, spans)))


def _chunks(file, pixels) -> Iterator[Chunk]:
    """Yields the chunks up to IEND, or up to where the file is cut off; see `checked_png`."""
    start = len(PNG)
    while True:
        file.seek(start)
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or length >= 2**31:
            return
        end = start + 12 + length
        if kind == b"IDAT" and not pixels:
            yield Chunk(kind, start, end, "")
            start = end
            continue
        checksum, left = zlib.crc32(kind), length
        while left and (block := file.read(min(left, BLOCK))):
            checksum, left = zlib.crc32(block, checksum), left - len(block)
        stored = file.read(4)
        cut = len(stored) < 4
        wrong = int.from_bytes(stored, "big") != checksum
        yield Chunk(kind, start, end, "file ends" if cut else "wrong checksum" if wrong else "")
        if cut or kind == b"IEND":
            return
        start = end


def _metadata(file, chunk, room):
    """Returns the unpacked length of metadata that is kept; None for what is left out."""
    if chunk.damage or chunk.end - chunk.start > room:
        return None
    file.seek(chunk.start + 8)
    data = file.read(chunk.end - chunk.start - 12)
    name, _, rest = data.partition(b"\0")
    if chunk.kind == b"eXIf" or chunk.kind == b"tEXt" and name in ORIENTATION:
        return len(data)
    if chunk.kind == b"iCCP" or chunk.kind == b"zTXt" and name in ORIENTATION:
        return _unpacked(rest, room)
    if chunk.kind == b"iTXt" and name in ORIENTATION:
        language, translated, text = (rest[2:].split(b"\0", 2) + [b"", b""])[:3]
        return _unpacked(rest[1:2] + text, room) if rest[:1] == b"\1" else len(data)
    return None


def _unpacked(data, room):
    """Returns the length of what a method byte and a zlib stream unpack to; None if it is none."""
    if data[:1] != b"\0":
        return None
    stream = zlib.decompressobj()
    try:
        length = len(stream.decompress(data[1:], room))
    except zlib.error:
        return None
    return length if stream.eof else None


def _parts(file, spans):
    for start, end in spans:
        file.seek(start)
        yield file.read(end - start)  # or less, where the file is cut off


def check_scans(file: BinaryIO, pixels: int) -> None:
    """Refuses a JPEG that takes too long because its pixels come in very many scans.

    Args:
        file: the file; it is read from its beginning, and at its beginning afterwards.
        pixels: how many it has.

    Raises:
        SlowFileError: there are more than `MAX_SCANS`, or as many as take minutes at this size.
    """
    file.seek(0)
    count = _scans(file.read())
    file.seek(0)
    allowed = max(20, min(MAX_SCANS, 2**31 // pixels))
    if count > allowed:
        raise SlowFileError(f"its pixels come in {count} scans, at this size at most {allowed} may")


def _scans(data):
    """Returns how many scans a JPEG has, up to where it ends."""
    at, count, sequential, components = 2, 0, False, 0
    while found := _MARKER.search(data, at):
        marker, at = data[found.end() - 1], found.end()
        if marker == _EOI:
            break
        if marker in _FRAMES:
            sequential, components = marker < 0xC2, data[at + 7 : at + 8]
        if marker == _SOS:
            count += 1
            if sequential and data[at + 2 : at + 3] == components:
                break  # all there is: no further scan can follow
        at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return count
