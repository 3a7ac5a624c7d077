"""Times the papers' networks in plain PyTorch, so that ours can be measured against them.

    python -m scripts.peers --peer_model=cyclegan --peer_preset=paper --peer_size=256
    python -m scripts.peers --peer_model=stylegan2 --peer_size=512 --peer_device=cuda \
        --peer_precision=bfloat16 --peer_channels_last --peer_compile

Networks, losses and phases are those of the papers' tables, written as users of PyTorch write them;
pictures are random. `stylegan` is at its last resolution, with R1 at every step; a step of
`stylegan2` is the mean over 16, in which R1 is due once and the path length four times. `adain` is
a stylised picture, `adain_training` a step of its decoder, `gatys` an iteration with Adam.

The result is one line of JSON. PyTorch comes with the extra `peers`.
"""

import json
import statistics
import sys
import time

from absl import app, flags

from core.errors import InputError
from core.memory import peak_memory
from scripts.peers.settings import PEERS, PRECISIONS, Settings, make
from scripts.turns import queued, wait_turn

QUEUED = 16  # steps on a GPU between two looks at the clock
FLAGS = flags.FLAGS
flags.DEFINE_enum("peer_model", "cyclegan", list(PEERS), "What to time.")
flags.DEFINE_string("peer_preset", "paper", "paper, or for cyclegan also quick.")
flags.DEFINE_integer("peer_size", 256, "Height and width of the pictures in pixels.")
flags.DEFINE_integer("peer_batch", None, "Pictures in a step. Default: 1, or 8 where z is drawn.")
flags.DEFINE_enum("peer_precision", "float32", PRECISIONS, "bfloat16 is mixed precision.")
flags.DEFINE_enum("peer_device", "cpu", ["cpu", "cuda"], "Where it runs.")
flags.DEFINE_bool("peer_channels_last", False, "Lay pictures and networks out by pixel.")
flags.DEFINE_bool("peer_compile", False, "Compile the networks by torch.compile.")
flags.DEFINE_bool("peer_tf32", False, "Let float32 products be rounded to TF32 on a GPU.")
flags.DEFINE_bool("peer_wait", False, "Say when it is ready, and wait for a line before timing.")
flags.DEFINE_integer("peer_steps", 5, "How many steps are timed, after the first ones.")


def main(argv: list[str]) -> int:
    """Prints the line; returns the exit status."""
    try:
        if len(argv) > 1:
            raise InputError(f"'{argv[1]}': not understood. Options are written --name=value.")
        if FLAGS.peer_steps < 1:
            raise InputError(f"--peer_steps={FLAGS.peer_steps}: expected a number from 1 up.")
        print(json.dumps(row(_settings(), FLAGS.peer_steps, FLAGS.peer_tf32, FLAGS.peer_wait)))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _settings():
    names = ("model", "preset", "size", "precision", "device", "channels_last", "compile")
    given = {name: FLAGS[f"peer_{name}"].value for name in names}
    batch = FLAGS.peer_batch
    return Settings(**given, batch_size=PEERS[FLAGS.peer_model][2] if batch is None else batch)


def row(settings: Settings, steps: int, tf32: bool = False, wait: bool = False) -> dict:
    """Times a stand-in.

    Args:
        settings: which one.
        steps: how many steps are timed; where phases are not due at every step, so many are that
            each is due as often as it should.
        tf32: whether float32 products on a GPU are rounded to TF32.
        wait: whether to wait for a turn before timing, see `scripts.turns.wait_turn`.

    Returns:
        The numbers by name: `ms_per_step` and `images_per_second` are of the median step, or the
        median of the means over a cycle of phases; `parameters` are those that each network has.

    Raises:
        InputError: see `scripts.peers.settings.make`.
    """
    start = time.perf_counter()
    peer = make(settings)
    _set_numerics(settings.device, tf32)
    built = time.perf_counter()
    times = [_timed(peer, i) for i in range(2 if peer.cycle == 1 else peer.cycle)]
    wait_turn(wait)
    used = time.process_time()
    means, count = _means(peer, steps)
    used = time.process_time() - used
    seconds = statistics.median(means)
    return {
        "peer": "pytorch",
        "model": settings.model,
        "preset": settings.preset,
        "size": settings.size,
        "batch_size": settings.batch_size,
        "precision": settings.precision,
        "build_s": round(built - start, 3),
        "first_step_s": round(times[0], 3),
        "ms_per_step": round(1000 * seconds, 3),
        "ms_per_step_range": [round(1000 * t, 2) for t in (min(means), max(means))],
        "cpu_ms_per_step": round(1000 * used / count, 2),  # of all cores together
        "images_per_second": round(settings.batch_size / seconds, 4),
        "peak_memory_gib": round(_peak(settings.device) / 2**30, 3),
        "channels_last": settings.channels_last,
        "compile": settings.compile,
        "tf32": tf32,
        "parameters": {
            name: sum(p.numel() for p in network.parameters())
            for name, network in peer.networks.items()
        },
        **_versions(settings.device),
    }


def _set_numerics(device, tf32):
    import torch

    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32  # on by default
    torch.backends.cudnn.benchmark = device == "cuda"


def _timed(peer, index):
    begin = time.perf_counter()
    float(peer.step(index))
    return time.perf_counter() - begin


def _means(peer, steps):
    """Seconds of a step, for each cycle of phases, and how many steps were timed. A GPU is waited
    for after a queue of steps."""
    count = max(QUEUED, peer.cycle) if peer.settings.device == "cuda" else peer.cycle
    rounds = -(-steps // count)
    return queued(peer.step, float, count, rounds), count * rounds


def _peak(device):
    """Bytes: of the GPU's memory what tensors took at most, else of the process."""
    import torch

    return torch.cuda.max_memory_allocated() if device == "cuda" else peak_memory()


def _versions(device):
    import platform

    import torch

    cuda = device == "cuda"
    name = torch.cuda.get_device_name() if cuda else platform.processor() or platform.machine()
    threads = None if cuda else torch.get_num_threads()
    return {"device": name, "threads": threads, "torch": torch.__version__}


if __name__ == "__main__":
    app.run(main)
