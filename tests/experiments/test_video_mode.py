"""Clips in, clips out: `--mode=video` and `Run.stylize_video`."""

import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from test_runner import error, main
from test_stylization import here, listed, trained  # noqa: F401

from core.errors import InputError
from experiments import api
from experiments.data import clip_writers, clips, photos, pictures
from experiments.model import Task
from experiments.tasks.stylization import AnyStyle

SHAPE = (72, 80)


def noisy(content, styles, **controls):
    """A styliser that does something else with every frame."""
    noisy.calls.append(controls)
    noise = np.random.default_rng(len(noisy.calls)).normal(0, 0.1, content.shape)
    return np.float32(1 - content + noise).clip(0, 1)


@pytest.fixture
def toy(monkeypatch):
    """A run with `noisy` for a network, which `main` loads, too."""
    noisy.calls = []
    task = AnyStyle()
    task.make_stylizer = lambda run: noisy
    model = SimpleNamespace(task=task)
    config = SimpleNamespace(model="toy", data=SimpleNamespace(range=(), dataset="photos"))
    run = api.Run(config, Path("toy"), None, model)
    monkeypatch.setattr(api, "load", lambda *_, **__: run)
    monkeypatch.setattr(api, "say_device", lambda say: None)
    return run


def panned(count, shape=SHAPE):
    """Frames of a photograph, uint8 `[H, W, 3]`."""
    photo = pictures.fit_side(photos.read("chelsea"), 120)
    return [photo[t : t + shape[0], 2 * t : 2 * t + shape[1]] for t in range(count)]


def frames(folder, made, name="frame{}.png"):
    for i, frame in enumerate(made):
        pictures.write_png(folder / name.format(i), frame)
    return folder


def video(path, made, fps=25):
    pytest.importorskip("av")
    write = clip_writers.mp4_writer("-")
    clip_writers.write_whole(path, lambda part: write(part, iter(made), fps))
    return path


def read(path):
    return list(clips.open_clip("--content", str(path)).frames())


def use(content, output, *arguments):
    """`--mode=video`; its exit status."""
    given = ["--model=adain", "--mode=video", "--run_dir=toy", f"--content={content}",
             f"--output={output}", "--style_size=80"]  # fmt: skip
    if not any(argument.startswith("--style=") for argument in arguments):
        given.append("--style=photos:immunohistochemistry")
    return main(*given, *arguments)


def scores(capfd):
    return {k: float(v) for k, v in map(str.split, capfd.readouterr().out.splitlines())}


# --- folders


def test_a_folder_of_frames_in_the_order_of_their_numbers(toy, tmp_path, capfd):
    made = panned(11)
    assert use(frames(tmp_path / "in", made), tmp_path / "out") == 0
    assert listed(tmp_path / "out") == sorted(f"frame{i}.png" for i in range(11))
    noisy.calls = []
    for i, frame in enumerate(made):  # the noise tells the order
        expected = toy.stylize(frame, [frame])
        assert np.array_equal(pictures.read(tmp_path / "out" / f"frame{i}.png"), expected)
    found = scores(capfd)
    assert list(found) == ["frames", "flicker/content", "flicker/stylized"]
    assert found["frames"] == 11 and found["flicker/stylized"] > 0.01 > found["flicker/content"]


def test_steadied_frames_flicker_less(toy, tmp_path, capfd):
    folder = frames(tmp_path / "in", panned(4))
    assert use(folder, tmp_path / "out", "--steady=0.8", "--alpha=0.5", "--colours=coral") == 0
    found = scores(capfd)
    assert found["flicker/steadied"] < 0.5 * found["flicker/stylized"]
    assert noisy.calls[0] == {"alpha": 0.5, "style_weights": [], "masks": None, "colours": "coral"}
    noisy.calls, own = [], {}
    style = pictures.fit_side(photos.read("immunohistochemistry"), 80)
    options = {"steady": 0.8, "alpha": 0.5, "weights": [], "colours": "coral"}
    made = list(toy.stylize_video(panned(4), [style], flicker=own, **options))
    written = [pictures.read(tmp_path / "out" / f"frame{i}.png") for i in range(4)]
    assert np.array_equal(made, written)
    assert own == pytest.approx({k[8:]: v for k, v in found.items() if k != "frames"}, abs=1e-5)


def test_the_size_of_a_frame(toy, tmp_path):
    assert use(frames(tmp_path / "in", panned(1)), tmp_path / "out", "--size=36") == 0
    assert pictures.read(tmp_path / "out" / "frame0.png").shape == (36, 40, 3)


def test_names_are_kept_and_other_suffixes_become_png(toy, tmp_path):
    (tmp_path / "in").mkdir()
    for name, frame in zip(("b 2.jpg", "b 10.bmp", "a.png"), panned(3), strict=True):
        Image.fromarray(frame).save(tmp_path / "in" / name)
    clip = clips.open_clip("--content", str(tmp_path / "in"))
    assert [path.name for path in clip.files] == ["a.png", "b 2.jpg", "b 10.bmp"]
    assert use(tmp_path / "in", tmp_path / "out") == 0
    assert listed(tmp_path / "out") == ["a.png", "b 10.png", "b 2.png"]


def test_names_of_any_kind_can_be_sorted():
    names = ["10", "a1b2", "²", "a1", "", "2", "A1", "a", "1a", "01"]
    expected = ["", "01", "1a", "2", "10", "a", "A1", "a1", "a1b2", "²"]
    assert sorted(names, key=clips.natural) == expected


# --- videos


@pytest.mark.parametrize("fps", [25, 30000 / 1001, 12.5])
def test_a_video_keeps_its_rate_and_its_number_of_frames(fps, toy, tmp_path, capfd):
    made = panned(6)
    source = video(tmp_path / "in.mp4", made, fps)
    assert np.abs(np.array(read(source)).astype(int) - made).mean() < 3
    assert use(source, tmp_path / "new" / "out.mp4", "--steady=0.5") == 0
    assert listed(tmp_path / "new") == ["out.mp4"]
    assert scores(capfd)["frames"] == 6
    assert np.shape(read(tmp_path / "new" / "out.mp4")) == (6, *SHAPE, 3)
    found = clips.open_clip("--content", str(tmp_path / "new" / "out.mp4"))
    assert np.allclose(np.float64(found.times), np.arange(7) / fps, rtol=1e-9, atol=0)


def test_odd_sides_of_a_video_become_even_by_repeating_the_last(toy, tmp_path):
    folder = frames(tmp_path / "in", panned(2, (71, 75)))
    assert use(folder, tmp_path / "out.mp4", "--fps=10") == 0
    clip = clips.open_clip("--content", str(tmp_path / "out.mp4"))
    made = list(clip.frames())
    assert clip.times == [0, Fraction(1, 10), Fraction(2, 10)]
    assert np.shape(made) == (2, 72, 76, 3)
    steps = np.abs(np.diff(made[0].astype(int), axis=1)).mean((0, 2))
    assert steps[-1] < 0.3 * steps.mean()
    assert use(folder, tmp_path / "folder") == 0  # but pictures keep theirs
    assert pictures.read(tmp_path / "folder" / "frame0.png").shape == (71, 75, 3)


def test_a_video_to_a_folder(toy, tmp_path):
    assert use(video(tmp_path / "in.mp4", panned(3)), tmp_path / "out") == 0
    assert listed(tmp_path / "out") == ["000001.png", "000002.png", "000003.png"]


@pytest.mark.parametrize("matrix, name", [(1, "bt709"), (6, "bt601")])
def test_colours_are_those_that_the_video_says(matrix, name, tmp_path):
    """Its matrix is looked at, and a flat colour comes back to within the rounding of 8 bits."""
    av = pytest.importorskip("av")
    colour = np.array([200, 40, 90])
    frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), colour, np.uint8), format="rgb24")
    graph = av.filter.Graph()
    size = {"width": 64, "height": 64, "format": frame.format}
    source = graph.add_buffer(**size, time_base=Fraction(1, 25))
    scale = graph.add("scale", f"flags=accurate_rnd:out_color_matrix={name}")
    graph.link_nodes(source, scale, graph.add("format", "yuv420p"), graph.add("buffersink"))
    graph.configure()
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    graph.vpush(frame)
    with av.open(str(tmp_path / "in.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.colorspace = matrix
        container.mux(stream.encode(graph.vpull()))
        container.mux(stream.encode())
    (shown,) = read(tmp_path / "in.mp4")
    assert np.abs(shown[32, 32].astype(int) - colour).max() <= 3


def test_what_a_written_video_says_of_itself(tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(video(tmp_path / "out.mp4", panned(3), 12.5))) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context
        assert (stream.codec.name, codec.pix_fmt, codec.colorspace) == ("h264", "yuv420p", 6)
        assert stream.average_rate == Fraction(25, 2) and len(container.streams) == 1


def test_a_video_that_was_held_upright(tmp_path):
    """A telephone stores its frames lying down, with a note which way is up."""
    av = pytest.importorskip("av")
    source, turned = video(tmp_path / "in.mp4", panned(2)), tmp_path / "turned.mp4"
    data = bytearray(source.read_bytes())
    unturned = np.array([1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
    quarter = np.array([0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30], ">i4").tobytes()
    place = data.index(unturned, data.index(b"tkhd"))
    data[place : place + len(quarter)] = quarter
    turned.write_bytes(data)
    with av.open(str(turned)) as container:
        assert next(container.decode(video=0)).rotation == -90
    expected = [np.rot90(frame, -1) for frame in read(source)]
    assert np.array_equal(read(turned), expected)


def test_korean_names_and_spaces(toy, tmp_path):
    source = video(tmp_path / "내 영상 1.mp4", panned(2))
    assert use(source, tmp_path / "결과 폴더" / "영상 1.mp4") == 0
    assert len(read(tmp_path / "결과 폴더" / "영상 1.mp4")) == 2


def test_damage_in_the_middle_is_found_before_the_work(toy, tmp_path, capfd):
    source = video(tmp_path / "in.mp4", panned(12))
    data = bytearray(source.read_bytes())
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 3
    data[middle : middle + 400] = bytes(400)
    source.write_bytes(data)
    assert use(source, tmp_path / "out") == 1
    assert f"Cannot read the video {source}: " in error(capfd)
    assert not noisy.calls and listed(tmp_path) == ["in.mp4"]


def test_what_is_missing_is_named(toy, tmp_path, monkeypatch, capfd):
    (tmp_path / "clip.mp4").write_bytes(b"any")
    monkeypatch.setitem(sys.modules, "av", None)
    assert use(tmp_path / "clip.mp4", tmp_path / "out") == 1
    assert "needs PyAV. pip install -e '.[video]', or give a folder" in error(capfd)
    assert use(frames(tmp_path / "in", panned(1)), tmp_path / "out.mp4") == 1
    assert "--output: an MP4 needs PyAV" in error(capfd)


# --- from Python


def test_frames_are_made_one_at_a_time(toy):
    def endless():
        while True:
            yield panned(1)[0]

    results = toy.stylize_video(endless(), [panned(1)[0]])
    assert next(results).shape == (*SHAPE, 3) and len(noisy.calls) == 1


def test_what_stylize_video_refuses(toy):
    made = [*panned(2), panned(1, (72, 82))[0]]
    results = toy.stylize_video(made, [made[0]])
    assert len([next(results), next(results)]) == 2
    with pytest.raises(InputError, match="frame 3: 82x72 pixels, expected 80x72 as the first"):
        next(results)
    with pytest.raises(InputError, match="steady=1: expected a number from 0"):
        next(toy.stylize_video(made, [made[0]], steady=1))
    toy.model.task = Task()
    with pytest.raises(InputError, match="toy does not stylize videos"):
        toy.stylize_video(made, [made[0]])


# --- what cannot be used

REFUSED = [
    (["--content={in}/none"], "--content={in}/none: does not exist"),
    (["--content={in}/empty"], "--content={in}/empty: no frames in this folder"),
    (["--content={in}/nested"], "nested: no frames in this folder. Expected pictures in it"),
    (["--content={in}/frames/frame0.png"], "frame0.png: a picture. Give a video or a folder"),
    (["--content={in}/mixed"], "{in}/mixed/x.png: 60x50 pixels, expected 80x72 as the first"),
    (["--content="], "--mode=video: give --content. adain"),
    (["--output="], "--mode=video: give --output. adain"),
    (["--output={in}/out.avi"], "this is written as MP4 or GIF. Give a name that ends in .mp4"),
    (["--output={in}/frames"], "would overwrite {in}/frames/frame0.png"),
    (["--output={in}/out", "--fps=5"], "--fps=5: a folder of frames has none"),
    (["--steady=1"], "--steady=1.0: expected a number from 0 (off) to below 1"),
    (["--steady=-0.5"], "--steady=-0.5: expected a number from 0"),
    (["--style={in}/mixed"], "--style: 3 styles make as many videos"),
    (["--mode=stylize", "--steady=0.5"], "--steady: not an option of --model=adain --mode=stylize"),
]


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """Folders of frames that cannot be used, and "frames", which can; not to be changed."""
    root = tmp_path_factory.mktemp("bad")
    (root / "empty").mkdir()
    frames(root / "frames", panned(2))
    frames(root / "nested" / "below", panned(1))
    frames(root / "mixed", panned(2))
    pictures.write_png(root / "mixed" / "x.png", panned(1)[0][:50, :60])
    return root


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=lambda x: str(x)[:40])
def test_what_the_mode_refuses(arguments, message, toy, bad, capfd):
    before = listed(bad)
    given = [argument.format(**{"in": bad}) for argument in arguments]
    assert use(bad / "frames", bad / "new.mp4", *given) == 1
    assert message.format(**{"in": bad}) in error(capfd)
    assert listed(bad) == before and not noisy.calls


@pytest.mark.parametrize("data", [b"", b"no video" * 99, None], ids=["empty", "text", "cut"])
def test_a_video_that_cannot_be_read(data, toy, tmp_path, capfd):
    source = video(tmp_path / "in.mp4", panned(2))
    source.write_bytes(source.read_bytes()[:900] if data is None else data)
    assert use(source, tmp_path / "out.mp4") == 1
    assert f"Cannot read the video {source}: " in error(capfd)
    assert listed(tmp_path) == ["in.mp4"]


def test_a_video_without_frames(toy, tmp_path, capfd):
    source = tmp_path / "in.avi"
    with pytest.importorskip("av").open(str(source), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        container.start_encoding()
    assert use(source, tmp_path / "out.mp4") == 1
    assert f"--content={source}: no frames in it" in error(capfd)
    assert listed(tmp_path) == ["in.avi"]


def test_a_video_without_pictures(toy, tmp_path, capfd):
    av, source = pytest.importorskip("av"), tmp_path / "in.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    assert use(source, tmp_path / "out.mp4") == 1
    assert f"Cannot read the video {source}: there are no pictures in it" in error(capfd)
    assert listed(tmp_path) == ["in.mp4"]


def test_a_video_that_cannot_be_finished(toy, tmp_path, capfd):
    """A disk that is full leaves neither half a video nor what was there before harmed."""
    resource = pytest.importorskip("resource")  # a limit to the size of files, for want of a disk
    pytest.importorskip("av")
    folder, output = frames(tmp_path / "in", panned(3)), tmp_path / "new" / "out.mp4"
    output.parent.mkdir()
    output.write_bytes(b"before")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
    try:
        status = use(folder, output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert status == 1
    assert f"Cannot write {output}: " in (said := error(capfd)) and "File too large" in said
    assert listed(tmp_path / "new") == ["out.mp4"] and output.read_bytes() == b"before"


def test_a_video_is_not_written_over_itself(toy, tmp_path, capfd):
    source = video(tmp_path / "in.mp4", panned(2))
    (tmp_path / "link.mp4").symlink_to(source)
    data = source.read_bytes()
    for output in (source, tmp_path / "link.mp4"):
        assert use(source, output) == 1
        assert "would overwrite" in error(capfd)
    folder = frames(tmp_path / "out", panned(1), "00000{}.png")
    assert use(source, folder, f"--style={folder}/000000.png") == 1
    assert "would overwrite" in error(capfd)
    assert source.read_bytes() == data


def test_a_damaged_frame_is_named_and_the_ones_before_are_kept(toy, tmp_path, capfd):
    folder = frames(tmp_path / "in", panned(3))
    damaged = folder / "frame1.png"
    damaged.write_bytes(damaged.read_bytes()[:300])
    assert use(folder, tmp_path / "out") == 1
    assert str(damaged) in error(capfd) and listed(tmp_path / "out") == ["frame0.png"]
    pytest.importorskip("av")
    assert use(folder, tmp_path / "out" / "out.mp4") == 1
    assert str(damaged) in error(capfd) and listed(tmp_path / "out") == ["frame0.png"]


# --- with a network


def test_adain_of_several_styles(here, trained, tmp_path, capfd):  # noqa: F811
    folder = frames(tmp_path / "in", panned(3))
    given = [f"--run_dir={trained}", f"--content={folder}", f"--output={tmp_path}/out",
             "--style_weights=0.7,0.3", *(f"--style={here}/style/{i}.png" for i in range(2)),
             "--style_size=0", "--colours=luminance", "--steady=0.5"]  # fmt: skip
    assert main("--model=adain", "--mode=video", *given) == 0
    assert scores(capfd).keys() == {"frames", *(f"flicker/{name}" for name in
                                                ("content", "stylized", "steadied"))}  # fmt: skip
    styles = [pictures.read(here / "style" / f"{i}.png") for i in range(2)]
    run = api.load(trained, say=lambda line: None)
    first = run.stylize(panned(1)[0], styles, weights=(0.7, 0.3), colours="luminance")
    assert np.array_equal(pictures.read(tmp_path / "out" / "frame0.png"), first)
    small = frames(tmp_path / "small", panned(2, (40, 80)))
    given[1:3] = f"--content={small}", f"--output={tmp_path}/none.mp4"
    assert main("--model=adain", "--mode=video", *given) == 1
    assert "80x40 pixels, but relu4_1 of vgg19 sees 68x68" in error(capfd)
    assert not (tmp_path / "none.mp4").exists()
