"""What can be exported of generators: one network, or the mapping and the synthesis."""

from experiments.export.networks import from_signed
from experiments.export.parts import Part, Slot
from experiments.metrics.sampling import check_truncation
from experiments.model import Run


def generator_parts(
    run: Run, truncation: float | None = None, cutoff: int | None = None
) -> list[Part]:
    """The generator that `Run.sample` uses: from z, and a class where there are classes.

    Args:
        run: of a GAN.
        truncation, cutoff: see `experiments.metrics.sampling.Sampler.pictures`; they become a part
            of the network.

    Raises:
        InputError: a truncation that the model does not take.
    """
    algorithm = run.algorithm
    check_truncation(algorithm, truncation, cutoff)
    inputs = (_z(algorithm), *_label(algorithm))
    options = {"lod": algorithm.detail} if algorithm.detail else {}
    height, width = run.config.data.sides
    shape = (height, width, algorithm.channels)
    picture = Slot("result", shape, "the picture", picture=True)
    generator = algorithm.generator
    if not algorithm.has_mapping:
        summary = "makes a picture of random numbers"

        def call(*given):
            return from_signed(generator(*given, **options, training=False))

        return [Part("generator", summary, inputs, picture, call)]
    psi = 1.0 if truncation is None else truncation
    known = generator.mapping.config
    styles, meaning = (known["num_ws"], known["w_dim"]), "the style of each layer, w"

    def mapped(*given):
        return generator.mapping(*given, truncation_psi=psi, truncation_cutoff=cutoff)

    made, taken = Slot("w", styles, meaning), Slot("ws", styles, meaning, of="mapping")
    return [
        Part("mapping", "makes styles of random numbers", inputs, made, mapped),
        Part(
            "synthesis",
            "makes a picture of styles",
            (taken,),
            picture,
            lambda ws: from_signed(generator.synthesis(ws, **options)),
        ),
    ]


def _z(algorithm):
    if algorithm.latent == "uniform":
        return Slot("z", (algorithm.latent_size,), "even numbers, -1 to 1", low=-1.0, high=1.0)
    return Slot("z", (algorithm.latent_size,), "normal numbers, mean 0 and variance 1")


def _label(algorithm):
    if not algorithm.classes:
        return ()
    meaning = f"the class, from 0 to {algorithm.classes - 1}"
    return (Slot("label", (), meaning, dtype="int32", high=float(algorithm.classes)),)
