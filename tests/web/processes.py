"""The site in a process of its own, which a test can kill."""

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import patience

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATIENCE = 120  # seconds: TensorFlow is imported on machines that are busy
wait_until = partial(patience.wait_until, seconds=PATIENCE)


@contextmanager
def serving(folder, **options):
    """Serves the fake models; gives the process and the address."""
    port = folder / "port"
    port.unlink(missing_ok=True)
    env = os.environ | {f"STYLE_WEB_{name.upper()}": str(value) for name, value in options.items()}
    env |= {"STYLE_WEB_STATE": str(folder / "state"), "PORT": str(port), "STYLE_WEB_SERVING": "1"}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(HERE)])
    process = subprocess.Popen([sys.executable, str(HERE / "fake_site.py")], env=env, cwd=folder)
    try:
        wait_until(lambda: port.exists() or process.poll() is not None)
        yield process, f"http://127.0.0.1:{port.read_text()}"
    finally:
        process.kill()
        process.wait()


def get(address):
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.read()


def ask(address, job):
    return json.loads(get(f"{address}/api/jobs/{job}"))


def order(address, **files):
    """Orders a picture as a program would, with the standard library alone."""
    edge = "limit-of-the-parts"
    body = b""
    for name, data in files.items():
        head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="x"\r\n\r\n'
        body += head.encode() + data + b"\r\n"
    body += f"--{edge}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={edge}"}
    request = urllib.request.Request(f"{address}/api/stylize", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())["job"]
