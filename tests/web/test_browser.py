"""The page in a real browser, as a person uses it."""

import shutil

import numpy as np
import pytest
from orders import picture, save
from patience import wait_until
from processes import serving

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Chromium and chromedriver are missing"),
]
PHONE, DESKTOP = (360, 740), (1280, 900)
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("site"), upload_mb=1) as (_, address):
        yield address


@pytest.fixture
def browser(tmp_path):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path}/profile", "--accept-lang=en"):
        options.add_argument(argument)
    options.add_experimental_option(
        "prefs", {"download.default_directory": str(tmp_path / "downloads")}
    )
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    size(made, DESKTOP)
    yield made
    made.quit()


def size(browser, pixels):
    width, height = pixels
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def one(browser, selector):
    return browser.find_element("css selector", selector)


def state(browser):
    return one(browser, "#stage").get_attribute("data-state")


def fill(browser, content, *styles):
    one(browser, "#content-file").send_keys(str(content))
    for style in styles:
        one(browser, "#style-file").send_keys(str(style))


def make(browser):
    one(browser, ".go").click()
    wait_until(lambda: state(browser) == "done")
    wait_until(
        lambda: browser.execute_script("return document.querySelector('.after').naturalWidth")
    )


def keys(browser, *typed):
    """Types what is given where the focus is."""
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(*typed).perform()


def focus(browser):
    return browser.switch_to.active_element


def tab_to(browser, selector):
    """Presses the tabulator until an element has the focus."""
    from selenium.webdriver.common.keys import Keys

    wanted = one(browser, selector)
    for _ in range(60):
        if focus(browser) == wanted:
            return
        keys(browser, Keys.TAB)
    raise AssertionError(f"{selector}: cannot be reached by the keyboard")


def errors(browser):
    return [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]


def test_a_photograph_becomes_a_picture(browser, address, tmp_path):
    content = save(tmp_path / "한라산 사진.png", (90, 60, 30))
    styles = [save(tmp_path / f"{i}.png", (30 * i, 0, 0), (16, 16)) for i in (0, 1)]
    browser.get(address)
    assert one(browser, "#problem").is_displayed() is False
    fill(browser, content, *styles)
    assert one(browser, "#content .name").text == "한라산 사진.png"
    shares = browser.find_elements("css selector", ".chosen input[type=range]")
    assert len(shares) == 2
    assert all(share.is_displayed() for share in shares)
    make(browser)

    slider = one(browser, ".compare input")
    shown = "return getComputedStyle(document.querySelector('.after')).clipPath"
    assert "50%" in browser.execute_script(shown)
    browser.execute_script("arguments[0].focus()", slider)
    from selenium.webdriver.common.keys import Keys

    keys(browser, Keys.HOME)
    assert "0%" in browser.execute_script(shown).replace("50%", "")
    keys(browser, *[Keys.ARROW_RIGHT] * 3)
    assert "3%" in browser.execute_script(shown)

    one(browser, ".download").click()
    folder = tmp_path / "downloads"
    file = wait_until(lambda: next(iter(folder.glob("*.png")), None) if folder.exists() else None)
    result = picture(file.read_bytes())
    assert result.shape == (24, 40, 3)
    assert np.array_equal(result[0, 0], (95, 60, 30))  # shares of a half each
    assert errors(browser) == []


def test_a_closed_page_goes_on_and_remembers(browser, address, tmp_path):
    content = save(tmp_path / "a.png", (20, 20, 20))
    browser.get(address)
    fill(browser, content, save(tmp_path / "b.png", (30, 0, 0), (16, 16)))
    one(browser, ".go").click()
    wait_until(lambda: "#" in browser.current_url)
    browser.get("about:blank")
    browser.get(address)
    wait_until(lambda: state(browser) == "done")
    wait_until(lambda: len(browser.find_elements("css selector", "#gallery li")) == 1)
    one(browser, "#gallery .remove").click()
    wait_until(lambda: not browser.find_elements("css selector", "#gallery li"))
    assert not one(browser, "#gallery").is_displayed()
    browser.get(address)
    assert state(browser) == "empty"


def test_what_cannot_be_used_is_said_in_a_sentence(browser, address, tmp_path):
    text = tmp_path / "notes.png"
    text.write_text("no picture")
    style = save(tmp_path / "style.png", (30, 0, 0), (16, 16))

    def complaint():
        problem = one(browser, "#problem")
        return problem.text if problem.is_displayed() else ""

    browser.get(address)
    one(browser, ".go").click()
    assert complaint() == "Choose a photograph first."
    one(browser, "#content-file").send_keys(str(text))
    one(browser, ".go").click()
    assert complaint() == "Choose a painting first."
    one(browser, "#style-file").send_keys(str(style))
    one(browser, ".go").click()
    wait_until(lambda: "Photograph: not a picture that can be read" in complaint())
    assert state(browser) == "empty"
    (tmp_path / "notes.txt").write_text("no picture")
    one(browser, "#content-file").send_keys(str(tmp_path / "notes.txt"))
    assert complaint() == "This file is not a picture."
    noise = np.random.default_rng(0).integers(0, 256, 1_500_000, np.uint8).tobytes()
    (tmp_path / "large.png").write_bytes(noise)
    one(browser, "#content-file").send_keys(str(tmp_path / "large.png"))
    assert complaint() == "The file is too large: at most 1 MB."


def test_a_failure_is_shown(browser, address, tmp_path):
    browser.get(address)
    fill(browser, save(tmp_path / "a.png", (2, 0, 0)), save(tmp_path / "b.png", (9, 0, 0)))
    one(browser, ".go").click()
    wait_until(lambda: state(browser) == "failed")
    assert "too few for this network" in one(browser, ".failure .status").text


def test_everything_works_with_the_keyboard_alone(browser, address, tmp_path):
    from selenium.webdriver.common.keys import Keys

    browser.get(address)
    keys(browser, Keys.TAB)
    assert focus(browser).text == "Skip to the content"
    tab_to(browser, "#content [data-name=chelsea]")
    outline = "return getComputedStyle(arguments[0]).outlineStyle"
    assert browser.execute_script(outline, focus(browser)) == "solid"
    keys(browser, Keys.ENTER)
    wait_until(lambda: one(browser, "#content .name").text == "chelsea.jpg")
    tab_to(browser, "#styles [data-name=brick]")
    keys(browser, Keys.SPACE)
    wait_until(lambda: browser.find_elements("css selector", ".chosen li"))
    tab_to(browser, "[name=alpha]")
    keys(browser, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert one(browser, ".slider output").text == "90%"
    tab_to(browser, ".go")
    keys(browser, Keys.ENTER)
    wait_until(lambda: state(browser) == "done")
    tab_to(browser, ".compare input")
    keys(browser, Keys.END)
    tab_to(browser, ".download")


@pytest.mark.parametrize("path", ["/m/learned", "/m/seasons", "/m/faces"])
def test_the_other_kinds_of_models(browser, address, tmp_path, path):
    browser.get(address + path)
    if path != "/m/faces":
        one(browser, "#content-file").send_keys(str(save(tmp_path / "a.png", (20, 20, 20))))
    if path == "/m/learned":
        browser.find_elements("css selector", ".tile input")[2].click()
    make(browser)
    assert errors(browser) == []


@pytest.mark.parametrize("language", ["en", "ko"])
def test_nothing_is_wider_than_a_phone(browser, address, tmp_path, language):
    size(browser, PHONE)
    browser.get(address)
    one(browser, f".language [value={language}]").click()
    wait_until(lambda: browser.execute_script("return document.documentElement.lang") == language)
    width = "return document.documentElement.scrollWidth"
    for path in ("/m/learned", "/m/seasons", "/m/faces", "/models", "/api/", "/nothing", "/"):
        browser.get(address + path)
        assert browser.execute_script(width) <= PHONE[0], path
    fill(
        browser,
        save(tmp_path / "a.png", (20, 20, 20), (400, 300)),
        save(tmp_path / "b.png", (9, 9, 9)),
    )
    make(browser)
    assert browser.execute_script(width) <= PHONE[0]
    small = [
        (element.tag_name, element.get_attribute("class"), element.size)
        for element in browser.find_elements("css selector", "button, .button, select")
        if element.is_displayed() and min(element.size["height"], element.size["width"]) < 36
    ]
    assert small == []  # large enough for a finger
