"""Runs that many tests look at: made once."""

import pytest

pytest.register_assert_rewrite("tiny")

import tiny  # noqa: E402


@pytest.fixture(scope="session")
def pictures_of_two(tmp_path_factory):
    """A folder of two domains; not to be changed."""
    return tiny.two_domains(tmp_path_factory.mktemp("data") / "two")


@pytest.fixture(scope="session")
def finished(pictures_of_two, tmp_path_factory):
    """The directory of a run that nothing interrupted; to be copied, not changed."""
    path = tmp_path_factory.mktemp("runs") / "finished"
    tiny.train(pictures_of_two, path)
    return path
