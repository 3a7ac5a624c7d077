"""Serves the site: `python -m web`."""

import dataclasses
import os

from absl import flags

from core.errors import InputError
from experiments import cli
from web.options import PREFIX, Options, state_folder

FLAGS = flags.FLAGS
THREADS = 8

flags.DEFINE_string("host", "127.0.0.1", "Address to listen at; 0.0.0.0 for the whole network.")
flags.DEFINE_integer("port", 8000, "Port to listen at.", 0, 65535)
flags.DEFINE_string("runs", "runs", "Folder of the trained runs that are offered.")
flags.DEFINE_string("state", None, f"Folder of queue and results. Default: {state_folder()}.")
flags.DEFINE_list("hosts", [], "Further names that the site is called by, such as art.example.org.")
flags.DEFINE_integer(
    "proxies", 0, "How many servers stand in front, whose headers are believed.", 0
)
flags.DEFINE_integer("max_queue", Options.max_queue, "Jobs that may wait.", 1)
flags.DEFINE_float("hours", Options.hours, "How long a result is kept.", 0.01)
flags.DEFINE_integer("max_kept", Options.max_kept, "Results that are kept at most.", 1)
flags.DEFINE_float("upload_mb", Options.upload_mb, "Megabytes of a picture at most.", 0.01)
flags.DEFINE_float("megapixels", Options.megapixels, "Millions of pixels at most.", 0.01)
flags.DEFINE_integer("max_side", Options.max_side, "Longer side of a result at most, pixels.", 64)
flags.DEFINE_integer("max_styles", Options.max_styles, "Style pictures in a request at most.", 1)
flags.DEFINE_integer("models", Options.models, "Models in memory at most.", 1)
flags.DEFINE_integer("rate", Options.rate, "Jobs a minute from one address; 0: no limit.", 0)


def serve() -> int:
    """Serves until it is stopped; returns the exit status."""
    _set_environment()
    try:
        import waitress
    except ImportError:
        raise InputError("python -m web: Django is missing. pip install -e '.[web]'") from None
    from web.service import service
    from web.wsgi import application

    options = service().options
    try:
        server = waitress.create_server(
            application,
            host=FLAGS.host,
            port=FLAGS.port,
            threads=THREADS,
            ident="",
            max_request_body_size=2 * options.request_bytes,
            clear_untrusted_proxy_headers=not options.proxies,
        )
    except OSError as error:
        raise InputError(f"--host={FLAGS.host}, --port={FLAGS.port}: {error.strerror}.") from error
    cli.say(f"http://{FLAGS.host}:{server.effective_port} (Ctrl+C ends it)")
    server.run()
    return 0


def _set_environment():
    """Writes the flags where `web.options` reads them, as other servers are told, too."""
    for option in dataclasses.fields(Options):
        value, variable = FLAGS[option.name].value, PREFIX + option.name.upper()
        if FLAGS[option.name].present or variable not in os.environ:
            text = ",".join(value) if isinstance(value, list) else value
            os.environ[variable] = "" if text is None else str(text)
    os.environ |= {"DJANGO_SETTINGS_MODULE": "web.settings", "STYLE_WEB_SERVING": "1"}


if __name__ == "__main__":
    cli.start(serve)
