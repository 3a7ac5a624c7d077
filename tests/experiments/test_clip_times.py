"""Clips whose frames have their own times, GIFs, and sound."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from test_runner import error
from test_stylization import here, listed  # noqa: F401
from test_video_mode import toy, use  # noqa: F401

from core.errors import InputError
from experiments.data import clip_writers, clips, pictures

av = pytest.importorskip("av")
pytestmark = pytest.mark.usefixtures("toy")
SHAPE = (16, 16)
TIMES = [0, 3, 4, 7, 8, 11, 12, 15, 35]  # twenty-fifths of a second; the last frame is long
GREYS = [20, 60, 100, 140, 180, 220, 20, 60]


def plain(grey):
    return np.full((*SHAPE, 3), grey, np.uint8)


def variable(path, sound=None, codec="libx264", late=0):
    """A video of plain frames with `TIMES`, and sound that begins `late` seconds before them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *SHAPE, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 25)
        track = container.add_stream(sound, rate=48000) if sound else None
        for i, grey in enumerate(GREYS):
            frame = av.VideoFrame.from_ndarray(plain(grey), format="rgb24")
            frame.pts, frame.time_base = TIMES[i] + round(25 * late), Fraction(1, 25)
            for packet in stream.encode(frame.reformat(format="yuv420p")):
                packet.duration = 20 if packet.pts == TIMES[-2] + round(25 * late) else None
                container.mux(packet)
        for packet in stream.encode():
            packet.duration = 20 if packet.pts == TIMES[-2] + round(25 * late) else None
            container.mux(packet)
        if track:
            tone(container, track)
    return path


def tone(container, track, seconds=1.4):
    """A beep from 0.5 to 0.6 seconds, and silence."""
    samples = np.arange(round(48000 * seconds))
    wave = 0.5 * np.sin(samples / 8) * (samples >= 24000) * (samples < 28800)
    frame = av.AudioFrame.from_ndarray(np.int16(32767 * wave)[None], "s16", "mono")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    container.mux([*track.encode(frame), *track.encode(None)])


def beep(path):
    """When the beep begins, seconds after the first frame of the video."""
    with av.open(str(path)) as container:
        first = next(container.decode(video=0))
        first = first.pts * first.time_base
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            values = np.float64(frame.to_ndarray())[0, :: 1 if frame.format.is_planar else 2]
            loud = np.abs(values) > 0.1 * (32767 if frame.format.name[0] == "s" else 1)
            if loud.any():
                return float(frame.pts * frame.time_base - first + loud.argmax() / 48000)
    raise AssertionError("no beep")


def seconds(path):
    return [float(25 * time) for time in clips.open_clip("--content", str(path)).times]


def test_a_video_keeps_each_frame_at_its_time(tmp_path):
    source = variable(tmp_path / "in.mp4")
    assert seconds(source) == TIMES
    assert use(source, tmp_path / "out.mp4") == 0
    assert seconds(tmp_path / "out.mp4") == TIMES
    shown = [frame.mean() for frame in clips.open_clip("", str(source)).frames()]
    assert shown == pytest.approx(GREYS, abs=2)


def test_a_folder_gets_each_frame_once(tmp_path):
    assert use(variable(tmp_path / "in.mkv"), tmp_path / "out") == 0
    assert listed(tmp_path / "out") == [f"{i:06}.png" for i in range(1, 9)]
    made = [pictures.read(path).mean() for path in sorted((tmp_path / "out").iterdir())]
    assert made == pytest.approx([255 - grey for grey in GREYS], abs=8)


def gif(path, delays):
    images = [Image.fromarray(plain(40 * i)) for i in range(len(delays))]
    images[0].save(path, save_all=True, append_images=images[1:], duration=delays, loop=0)
    return path


def delays(path):
    with Image.open(path) as image:
        return [
            image.seek(i) or image.info["duration"]  # type: ignore[func-returns-value]
            for i in range(image.n_frames)
        ]


@pytest.mark.parametrize("given", [[1000, 50, 50, 50, 800], [10, 20, 30], [2000]])
def test_a_gif_in_and_out_has_the_same_delays(given, tmp_path):
    source = gif(tmp_path / "in.gif", given)
    assert use(source, tmp_path / "out.gif") == 0
    assert delays(tmp_path / "out.gif") == given
    assert use(source, tmp_path / "folder") == 0
    assert len(listed(tmp_path / "folder")) == len(given)
    assert use(source, tmp_path / "out.mp4") == 0
    times = clips.open_clip("", str(tmp_path / "out.mp4")).times
    assert np.array_equal(1000 * np.diff(times), given)


def test_times_of_a_gif_are_rounded_without_drifting(tmp_path):
    times = [Fraction(i, 30) for i in range(31)]
    clip_writers.write_gif(tmp_path / "out.gif", (plain(8 * i) for i in range(30)), times)
    assert sum(delays(tmp_path / "out.gif")) == 1000
    assert set(delays(tmp_path / "out.gif")) == {30, 40}


def test_more_frames_than_a_gif_can_show_are_refused(tmp_path, capfd):
    write = clip_writers.mp4_writer("-")
    with open(tmp_path / "in.mp4", "wb") as file:
        write(file, map(plain, GREYS), 60)
    assert use(tmp_path / "in.mp4", tmp_path / "out.gif") == 1
    assert "--output: 60 frames a second, expected 50 or fewer for GIF" in error(capfd)
    assert listed(tmp_path) == ["in.mp4"]
    assert use(tmp_path / "in.mp4", tmp_path / "out.gif", "--fps=20") == 0
    assert set(delays(tmp_path / "out.gif")) == {50}


@pytest.mark.parametrize("fps", [5, 24, 30000 / 1001, 12.5, 1, 60])
@pytest.mark.parametrize("number", [1, 2, 7])
def test_a_constant_rate_is_read_as_it_was_written(fps, number, tmp_path):
    with open(tmp_path / "out.mp4", "wb") as file:
        clip_writers.mp4_writer("-")(file, map(plain, (GREYS * 2)[:number]), fps)
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert float(stream.average_rate) == fps and stream.frames == number
    times = clips.open_clip("", str(tmp_path / "out.mp4")).times
    assert np.allclose(np.float64(times), np.arange(number + 1) / fps, rtol=1e-9, atol=0)


# --- sound


@pytest.mark.parametrize("kind, codec", [("aac", "aac"), ("pcm_s16le", "aac"), ("flac", "flac")])
@pytest.mark.parametrize("late", [0, 0.2])
def test_sound_is_kept_at_its_time(kind, codec, late, tmp_path):
    source = variable(tmp_path / "in.mkv", kind, late=late)
    assert use(source, tmp_path / "out.mp4") == 0
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == codec
    assert beep(tmp_path / "out.mp4") == pytest.approx(beep(source), abs=0.03)
    assert beep(source) == pytest.approx(0.5 - late, abs=0.03)
    assert seconds(tmp_path / "out.mp4") == TIMES


@pytest.mark.parametrize("arguments", [["--nosound"], ["--fps=10"]])
def test_sound_is_left_out(arguments, tmp_path, capfd):
    source = variable(tmp_path / "in.mp4", "aac")
    assert use(source, tmp_path / "out.mp4", *arguments) == 0
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio
    assert ("--fps changes the speed" in capfd.readouterr().err) == (arguments == ["--fps=10"])


# --- what is no video


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:1,\n{0}\n", "ffconcat version 1.0\nfile {0}\n"])
def test_a_list_of_other_files_is_no_video(text, tmp_path):
    source = variable(tmp_path / "in.mp4")
    (tmp_path / "list.mp4").write_text(text.format(source.name), encoding="utf-8")
    with pytest.raises(InputError, match="Cannot read the video"):
        clips.open_clip("--content", str(tmp_path / "list.mp4"))


def test_times_that_do_not_increase_are_moved_a_little():
    times = clips._increasing([Fraction(n) for n in (5, 6, 6, 4, 7)])
    assert times == [0, 1, 1 + clips.APART, 1 + 2 * clips.APART, 2]
