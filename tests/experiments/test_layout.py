"""Folders beside `train` and `test`: junk, other spellings, and what is not understood."""

import shutil

import pytest
import tiny

from core.errors import InputError
from experiments.data import layout, pictures
from experiments.data.sources import open_dataset

JUNK = [
    "__MACOSX", "@eaDir", "#recycle", "@Recycle", ".ipynb_checkpoints", "lost+found", ".hidden",
    "$RECYCLE.BIN", "System Volume Information",
]  # fmt: skip


def opened(root, said=None, **options):
    report = (said if said is not None else []).append
    options = {"size": 0, "roles": ("image",), "report": report} | options
    return open_dataset(f"folder:{root}", **options)


def halves(root, train="train", test="test"):
    """Pictures whose halves are pairs, 3 for training and 2 for testing."""
    tiny.noise(root / train, 3, 0)
    tiny.noise(root / test, 2, 1)
    return root


def sizes(dataset):
    return [{source.size for source in split.values()} for split in (dataset.train, dataset.test)]


@pytest.mark.parametrize("name", JUNK)
@pytest.mark.parametrize("filled", [False, True])
def test_what_systems_leave_is_no_data(name, filled, tmp_path):
    clean = opened(halves(tmp_path)).fingerprint()
    (tmp_path / name).mkdir()
    if filled:
        tiny.noise(tmp_path / name, 2, 2)
        tiny.noise(tmp_path / "train" / name / "deep", 2, 2)
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    said = []
    dataset = opened(tmp_path, said)
    assert sizes(dataset) == [{3}, {2}] and dataset.fingerprint() == clean and not said
    assert opened(tmp_path, roles=("A", "B")).paired


def test_an_archive_of_it(tmp_path):
    halves(tmp_path / "set")
    tiny.noise(tmp_path / "set" / "@eaDir" / "0.png", 2, 2)
    tiny.noise(tmp_path / "set" / "notes", 1, 2)
    path = shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "set")
    said = []
    dataset = open_dataset(f"zip:{path}", size=0, roles=("image",), report=said.append)
    assert sizes(dataset) == [{3}, {2}]
    assert len(said) == 1 and "beside 'train' is 'notes'" in said[0]


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Train", "TEST"), ("TRAIN", "Val"), ("training", "testing"), ("train", "valid"),
        ("Training", "Validation"), ("train2017", "val2017"), ("train_images", "test-images"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("roles", [("image",), ("A", "B")])
def test_usual_spellings_are_taken_and_said(train, test, roles, tmp_path):
    said = []
    assert sizes(opened(halves(tmp_path, train, test), said, roles=roles)) == [{3}, {2}]
    named = [f"'{name}' for " for name in (train, test) if name not in ("train", "test", "val")]
    assert len(said) == 1 and all(words in said[0] for words in named)


@pytest.mark.parametrize(
    "names", [("traina", "trainb", "testa", "testb"), ("Train_A", "train-B", "valid A", "VAL.B")]
)
def test_usual_spellings_of_two_domains(names, tmp_path):
    for i, name in enumerate(names):
        tiny.noise(tmp_path / name, 3 + i, i)
    said = []
    dataset = opened(tmp_path, said, roles=("A", "B"))
    assert [dataset.train[role].size for role in "AB"] == [3, 4]
    assert [dataset.test[role].size for role in "AB"] == [5, 6]
    assert len(said) == 1 and f"'{names[0]}' for trainA" in said[0]


def test_words_that_are_no_parts():
    for name in ("trains", "best", "values", "trainc", "test1", "retrain", "a", "traintest", ""):
        assert layout.part(name) is None
    assert layout.part("testsetA") == "testA"


def test_validation_beside_a_test_set_is_not_trained_on(tmp_path):
    tiny.noise(halves(tmp_path) / "valid", 4, 3)
    said = []
    assert sizes(opened(tmp_path, said)) == [{3}, {2}]


def test_the_exact_name_counts_and_two_spellings_do_not(tmp_path):
    halves(tmp_path, "training", "test")
    tiny.noise(tmp_path / "train_set", 1, 3)
    with pytest.raises(InputError, match="has 'train_set', 'training', and each may be train"):
        opened(tmp_path)
    tiny.noise(tmp_path / "train", 4, 4)
    said = []
    assert sizes(opened(tmp_path, said)) == [{4}, {2}]
    assert len(said) == 1 and "beside 'train' is 'train_set', 'training', which" in said[0]
    shutil.rmtree(tmp_path / "train")
    for path in (tmp_path / "train_set").iterdir():
        path.unlink()
    assert sizes(opened(tmp_path)) == [{3}, {2}]


@pytest.mark.parametrize("test", [True, False])
def test_a_folder_that_is_not_understood_is_left_aside_and_said(test, tmp_path):
    halves(tmp_path)
    if not test:
        shutil.rmtree(tmp_path / "test")
    (tmp_path / "annotations").mkdir()  # no pictures: nothing to say
    said = []
    opened(tmp_path, said)
    assert not said
    tiny.noise(tmp_path / "holdout", 4, 3)
    assert sizes(opened(tmp_path, said)) == [{3}, {2} if test else {3}]
    assert len(said) == 1 and "beside 'train' is 'holdout'" in said[0]
    said.clear()
    assert opened(tmp_path, said, roles=("A", "B")).paired
    assert any("'holdout'" in line for line in said)


def test_a_class_may_be_called_train(tmp_path):
    for i, name in enumerate(("bus", "car", "train")):
        tiny.noise(tmp_path / name, 2, i)
    said = []
    dataset = opened(tmp_path, said, labels=True)
    assert dataset.train["image"].classes == ("bus", "car", "train")
    assert len(said) == 1 and "each is a class" in said[0]


def test_test_pictures_without_training_pictures_are_said(tmp_path):
    halves(tmp_path, "mine")
    said = []
    assert sizes(opened(tmp_path, said)) == [{5}, {5}]
    assert len(said) == 1 and "has 'test' but no folder 'train'" in said[0]


@pytest.mark.parametrize("beside", ["metrics.jsonl", "lock"])
def test_a_run_inside_its_data_is_no_data(beside, tmp_path):
    tiny.noise(tmp_path, 3, 0)
    before = opened(tmp_path).fingerprint()
    run = tmp_path / "runs" / "dcgan" / "quick"
    tiny.noise(run / "samples", 2, 1)
    (run / "config.json").write_text("{}")
    assert opened(tmp_path).train["image"].size == 5  # something else with a config.json
    (run / beside).write_text("")
    assert opened(tmp_path).fingerprint() == before
    assert len(pictures.find(run)) == 2  # asked for by name, they are there
