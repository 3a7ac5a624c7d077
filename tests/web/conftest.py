"""A site with models that take no time, in a folder of its own."""

import os
import shutil
import tempfile

import pytest

STATE = tempfile.mkdtemp()
os.environ["DJANGO_SETTINGS_MODULE"] = "web.settings"
os.environ["STYLE_WEB_STATE"] = STATE

import django  # noqa: E402

django.setup()

from django.test import Client  # noqa: E402
from fake_site import make_site  # noqa: E402

from web import service  # noqa: E402


@pytest.fixture
def site(tmp_path):
    """The site of this process; its worker does nothing unless told to."""
    made = make_site(tmp_path / "state", rate=0)
    service.use(made)
    yield made
    if "worker" in vars(made):
        made.worker.stop()
    service.use(None)


@pytest.fixture
def client(site):
    """A program that uses the API."""
    return Client(SERVER_NAME="localhost")


def pytest_unconfigure():
    shutil.rmtree(STATE, ignore_errors=True)
