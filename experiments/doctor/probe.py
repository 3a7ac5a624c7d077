"""What a backend can do here: `python -m experiments.doctor.probe`, with `KERAS_BACKEND` set.

It runs as a process of its own, as a broken driver may hang or end it. Each line of its output is
JSON, written as soon as it is known, so that what was found before a hang counts.
"""

import json
import os
import time

SECONDS = 0.5  # of steps on each device
ENOUGH = 4.0  # seconds of steps, after which no further device is tried


def main() -> None:
    """Prints the devices, the time of a step on each, and which weights are here."""
    import keras

    from core import engine

    tell(device=engine.describe_devices(), cpu=engine.on_cpu())
    tell(weights=weights())
    devices, start = keras.distribution.list_devices(), time.monotonic()
    for i, name in enumerate(devices):
        if time.monotonic() > start + ENOUGH:
            tell(untried=", ".join(devices[i:]))
            break
        tell(steps={name: step(name)})
    tell(done=True)


def tell(**facts: object) -> None:
    """Writes a line at once."""
    print(json.dumps(facts), flush=True)


def step(device: str) -> float | str:
    """The milliseconds of a small training step on a device, or why there is none.

    Args:
        device: as `keras.distribution.list_devices` names it, such as "gpu:0".
    """
    try:
        return _step(device)
    except Exception as error:  # of many kinds, from libraries that are missing or do not fit
        return f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"


def _step(device):
    import keras
    from keras import layers, ops

    from core import engine

    with keras.device(device):
        network = keras.Sequential(
            [
                keras.Input((32, 32, 3)),
                layers.Conv2D(16, 3),
                layers.GlobalAveragePooling2D(),
                layers.Dense(1),
            ]
        )
        images = ops.ones((8, 32, 32, 3))

        def loss():
            return ops.mean(ops.square(network(images))), None

        run = engine.compile(
            lambda: engine.value_and_grad(loss, network.trainable_variables), network.variables
        )
        float(run()[0][0])  # compiles
        start, count = time.monotonic(), 0
        while time.monotonic() < start + SECONDS:
            float(run()[0][0])
            count += 1
    return 1000 * (time.monotonic() - start) / count


def weights() -> dict[str, str]:
    """Where trained weights are, by name; empty where they are not."""
    from core.errors import InputError
    from experiments.metrics import published
    from nst import magenta_files
    from nst.weights import hed_file, imagenet_file

    files = {
        "VGG-19 (imagenet)": imagenet_file("vgg19"),
        "VGG-16 (hed)": hed_file(),
        "Inception": published.downloaded(published.INCEPTION),
        "VGG-16 (metrics)": published.downloaded(published.VGG16),
        "LPIPS": published.downloaded(published.LPIPS_ALEX)
        or published.downloaded(published.LPIPS_VGG),
    }
    try:
        files["magenta"] = magenta_files.packaged(magenta_files.PAIR[0])
    except InputError:
        files["magenta"] = None
    return {name: str(path or "") for name, path in files.items()}


if __name__ == "__main__":
    status = 0
    try:
        main()
    except Exception as error:
        tell(error=f"{type(error).__name__}: {error}")
        status = 1
    os._exit(status)  # all is said; a library's own end may take seconds, or hang
