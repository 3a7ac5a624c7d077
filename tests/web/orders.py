"""Pictures as files, and what a client does with the API."""

import io
from pathlib import Path

import numpy as np
from PIL import Image


def file(colour=(90, 60, 30), size=(40, 24), kind="PNG", name="photo.png", **options):
    """A picture of one colour as an open file; `size` is (width, height)."""
    data = io.BytesIO()
    Image.new("RGB", size, tuple(colour)).save(data, kind, **options)
    return named(data.getvalue(), name)


def named(data, name="photo.png"):
    opened = io.BytesIO(data)
    opened.name = name
    return opened


def order(client, **fields):
    """Orders a stylised picture; returns the response."""
    given = {"content": file(), "style": file((30, 0, 0), (16, 16))} | fields
    given = {name: value for name, value in given.items() if value is not None}
    return client.post("/api/stylize", given)


def ask(client, job):
    return client.get(f"/api/jobs/{job}").json()


def made(client, site, **fields):
    """Orders a picture and lets the worker make it; returns it as an array."""
    answer = order(client, **fields)
    assert answer.status_code == 202, answer.content
    site.worker.turn()
    state = ask(client, answer.json()["job"])
    assert state["state"] == "done", state
    return picture(client.get(state["result"]).content)


def picture(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def save(path: Path, colour, size=(40, 24)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path
