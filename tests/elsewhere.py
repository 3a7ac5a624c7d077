"""A process as on Windows: `python elsewhere.py FOLDER` imports everything and trains there.

What only Unix has is hidden before the first import, and reading /proc is refused to this project.
"""

import importlib
import os
import pkgutil
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HIDDEN = {"fcntl", "resource", "termios", "tty", "pty", "pwd", "grp", "syslog"}
PACKAGES = ("core", "gan", "nst", "experiments", "web", "scripts")
EXTRA = "scripts.peers."  # needs PyTorch, an extra of its own
TINY = {"images": 4, "data.size": 16, "data.load_size": 18, "algorithm.n_layers": 1,
        "log_every": 2, "eval_every": 4, "sample_every": 4}  # fmt: skip


class Hide:
    """An import hook: the modules of Unix cannot be found."""

    def find_spec(self, name, path=None, target=None):
        if name in HIDDEN:
            raise ImportError(f"no module named {name} on this system")


def refuse_proc(event, arguments):
    """An audit hook: files of this project cannot open /proc, though libraries can."""
    if event != "open" or not str(arguments[0]).startswith("/proc"):
        return
    frame = sys._getframe(1)
    while frame and "site-packages" not in frame.f_code.co_filename:
        if Path(frame.f_code.co_filename).is_relative_to(ROOT) and frame.f_code.co_name != "main":
            raise FileNotFoundError(f"no {arguments[0]} on this system")
        frame = frame.f_back


def hide():
    """Takes away what Windows does not have."""
    import psutil  # noqa: F401 that of Linux needs `resource`, that of Windows does not

    for name in HIDDEN:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Hide())
    for name in ("SIGPIPE", "SIGHUP", "SIGALRM", "SIGQUIT", "SIGUSR1"):
        delattr(signal, name)
    del os.O_DIRECTORY
    sys.addaudithook(refuse_proc)


def import_everything():
    """Imports every module of the project; returns how many they are."""
    import django

    django.setup()
    count = 0
    for package in PACKAGES:
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            # a main module starts TensorFlow itself
            if not module.name.endswith(".__main__") and not module.name.startswith(EXTRA):
                importlib.import_module(module.name)
                count += 1
    return count


def work(folder):
    """Trains a CycleGAN, which is interrupted and goes on, and translates with it."""
    import numpy as np

    from core.errors import Interrupted
    from core.memory import free_memory, peak_memory
    from experiments import api
    from experiments.data import pictures

    data, run_dir, output = (folder / name for name in ("내 사진", "학습 결과 1", "출력"))
    noise = np.random.default_rng(0)
    for role in ("trainA", "trainB", "testA", "testB"):
        for i in range(2):
            picture = noise.integers(0, 256, (20, 24, 3), np.uint8)
            pictures.write_png(data / role / f"사진 {i}.png", picture)
    said = []

    def stop(line):
        if line.startswith("2/4 images"):
            signal.raise_signal(signal.SIGINT)

    config = api.make_config("cyclegan", "smoke", TINY | {"data.dataset": f"folder:{data}"})
    try:
        api.train_config(config, run_dir, say=stop)
    except Interrupted:
        api.train_config(config, run_dir, say=said.append)
    assert "going on after 2 of 4 images" in said, said
    picture = api.load(run_dir, say=said.append).translate(data / "testA" / "사진 0.png")
    pictures.write_png(output / "결과 0.png", picture)
    assert free_memory() > 2**20 and peak_memory() > 2**20


def main():
    sys.path.insert(0, str(ROOT))
    # a site that is imported and does not serve
    os.environ |= {"DJANGO_SETTINGS_MODULE": "web.settings", "STYLE_WEB_SERVING": ""}
    os.environ["STYLE_WEB_STATE"] = str(Path(sys.argv[1]) / "site")
    hide()
    print(import_everything(), "modules")
    work(Path(sys.argv[1]))
    print("done")


if __name__ == "__main__":
    main()
