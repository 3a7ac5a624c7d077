"""The pages, and what protects them."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from fake_site import make_site
from orders import file, order

from web import secret, service
from web.options import Options, from_environment

PAGES = ("/", "/m/any", "/m/learned", "/m/seasons", "/m/faces", "/models", "/api/")


@pytest.fixture
def browser(site):
    """What a browser sends, with Django's protection on."""
    return Client(enforce_csrf_checks=True, SERVER_NAME="localhost")


def token(page):
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())[1]


def send(browser, headers, **fields):
    given = {"content": file(), "style": file(), **fields}
    return browser.post("/api/stylize", given, headers=headers)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there_in_both_languages(client, site, path):
    english, korean = (client.get(path, headers={"Accept-Language": x}) for x in ("en", "ko-KR"))
    assert english.status_code == korean.status_code == 200
    assert '<html lang="en">' in english.content.decode()
    text = korean.content.decode()
    assert '<html lang="ko">' in text
    assert re.search("[가-힣]{2}", text.partition("<main")[2])


@pytest.mark.parametrize("path", (*PAGES, "/nothing", "/m/..", "/m/%2e%2e%2fetc"))
def test_no_page_has_inline_script_or_style(client, site, path):
    page = client.get(path)
    text = page.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<style|\sstyle=[\"']|\son\w+=|javascript:", text)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Referrer-Policy"] == "same-origin"


def test_every_field_has_a_label(client, site):
    for path in PAGES:
        text = client.get(path).content.decode()
        for field in re.finditer(r"<(?:input|select)\b[^>]*>", text):
            if 'type="hidden"' in field[0] or "aria-label=" in field[0]:
                continue
            before = text[: field.start()]
            assert before.rfind("<label") > before.rfind("</label>"), f"{path}: {field[0]}"


def test_debug_is_off_and_errors_say_nothing_of_the_code(client, site):
    """Existing demos run with DEBUG on."""
    assert settings.DEBUG is False
    page = client.get("/m/nothing")
    assert page.status_code == 404
    assert "There is no such page" in page.content.decode()
    assert "Traceback" not in page.content.decode()

    def broken():
        raise RuntimeError("/home/somebody/secret.py")

    site.registry.entries = broken
    client.raise_request_exception = False
    page = client.get("/models")
    assert page.status_code == 500
    assert "secret.py" not in page.content.decode()
    answer = client.get("/api/models")
    assert answer.status_code == 500
    assert answer.json()["error"].startswith("Something went wrong on our side")


def test_forms_of_browsers_need_a_token(browser):
    """Existing demos turn CSRF protection off."""
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    page = browser.get("/")
    assert send(browser, own).status_code == 403
    assert send(browser, own).json()["error"].startswith("This page was open for too long")
    assert browser.post("/language", {"language": "ko"}).status_code == 403
    good = send(browser, own | {"X-CSRFToken": token(page)})
    assert good.status_code == 202
    job = good.json()["job"]
    assert browser.delete(f"/api/jobs/{job}", headers=own).status_code == 403
    cookie = page.cookies["csrftoken"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"


def test_programs_need_none(site):
    program = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    assert order(program).status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "https://localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_web_sites_are_refused(client, site, headers):
    for answer in (
        client.post("/api/stylize", {"content": file(), "style": file()}, headers=headers),
        client.get("/api/models", headers=headers),
        client.delete(f"/api/jobs/{'0' * 48}", headers=headers),
    ):
        assert answer.status_code == 403
        assert answer.json()["error"] == "Requests from other web sites are refused."
    assert site.store.waiting() == 0


def test_a_link_from_another_web_site_is_followed(client, site):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=headers).status_code == 200
    assert client.get("/api/models", headers=headers).status_code == 200


def test_only_known_hosts_are_served(client, site):
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/health", headers={"Host": "127.0.0.1:8000"}).status_code == 200


def test_the_language_can_be_chosen(client, site):
    answer = client.post("/language", {"language": "ko", "next": "/models"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/models")
    assert '<html lang="ko">' in client.get("/").content.decode()
    for place in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        answer = client.post("/language", {"language": "en", "next": place})
        assert answer.headers["Location"] == "/"


def test_errors_speak_the_language_of_the_visitor(client, site):
    answer = client.post("/api/stylize", {}, headers={"Accept-Language": "ko"})
    assert re.search("[가-힣]", answer.json()["error"])


def test_a_site_without_models_says_what_to_do(client, tmp_path):
    from web.registry import Registry

    empty = make_site(tmp_path / "empty")
    empty.registry = Registry(dict, 1)
    service.use(empty)
    page = client.get("/")
    assert page.status_code == 200
    assert "pip install -e &#x27;.[magenta]&#x27;" in page.content.decode().replace("'", "&#x27;")
    assert order(client).status_code == 404


def test_examples_are_pictures(client, site):
    assert client.get("/examples/chelsea.jpg?small").headers["Content-Type"] == "image/jpeg"
    assert client.get("/examples/passwd.jpg").status_code == 404


def test_static_files_are_served(client, site):
    text = client.get("/").content.decode()
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', text):
        answer = client.get(path)
        assert answer.status_code == 200
        assert b"".join(answer.streaming_content)
        answer.close()


def test_the_secret_key_is_made_once_and_readable_by_the_owner_alone(tmp_path):
    first = secret.key(tmp_path / "state")
    assert secret.key(tmp_path / "state") == first
    assert len(first) > 50
    assert secret.key(tmp_path / "other") != first
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "state/secret_key").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    root = Path(__file__).parents[2]
    assert not Path(settings.OPTIONS.state).is_relative_to(root)


def test_options_come_from_the_environment():
    given = from_environment({"STYLE_WEB_HOSTS": "a.example, b.example", "STYLE_WEB_MODELS": "1"})
    assert (given.hosts, given.models) == (("a.example", "b.example"), 1)
    for name, value in (("MODELS", "0"), ("RATE", "many"), ("HOURS", "-1"), ("MAX_SIDE", "8")):
        with pytest.raises(ValueError, match=f"(?i){name}="):
            from_environment({f"STYLE_WEB_{name}": value})
    assert Options().request_bytes > 5 * Options().upload_bytes


@pytest.mark.thorough
def test_nothing_is_loaded_or_started_by_a_check(tmp_path):
    """Django's own commands start no worker; the settings' check finds nothing wrong."""
    code = (
        "import sys, threading\n"
        "from django.core.management import execute_from_command_line\n"
        "execute_from_command_line(['django-admin', 'check', '--fail-level=WARNING'])\n"
        "assert threading.active_count() == 1\n"
        "assert 'keras' not in sys.modules or 'web.found' not in sys.modules\n"
    )
    settings_of = {"DJANGO_SETTINGS_MODULE": "web.settings", "STYLE_WEB_STATE": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env=os.environ | settings_of,
        check=True,
    )
    assert not (tmp_path / "jobs").exists()
