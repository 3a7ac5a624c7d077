"""StyleGAN: progressive growing with styles that are mixed, and the mean of w.

Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948); NVlabs/stylegan @ 1e0d5c7,
training/networks_stylegan.py:324-365 and training/training_loop.py. The official code moves the
mean of w with the discriminator's fakes, too; here only the generator's phase changes G.
"""

from keras import ops

from gan.progan.algorithm import ProGAN
from gan.progressive import resolutions
from gan.style_mixing import layers_of_the_first_w
from gan.stylegan.config import StyleGANConfig
from gan.stylegan.networks import Generator


class StyleGAN(ProGAN):
    """Unconditional generation with a style per layer. Arguments and batches as of `ProGAN`."""

    config: StyleGANConfig

    def __init__(self, config: StyleGANConfig = StyleGANConfig(), **kwargs):  # noqa: B008 frozen
        super().__init__(config, **kwargs)

    @property
    def has_mapping(self) -> bool:
        return True

    @property
    def has_styles(self) -> bool:
        return self.config.use_styles

    @property
    def has_noise(self) -> bool:
        return self.config.use_noise

    def _generator(self):
        config = self.config
        names = ("latent_size", "w_dim", "mapping_layers", "mapping_fmaps", "mapping_lrmul",
                 "w_avg_beta", "use_styles", "const_input", "use_noise", "fmap_base", "fmap_max",
                 "blur")  # fmt: skip
        return Generator(self.size, **{name: getattr(config, name) for name in names}, name="G")

    def _fakes(self, count, fade, training=False):
        mapping, synthesis = self.networks["G"].mapping, self.networks["G"].synthesis
        w = mapping.w(self.z(count))
        if training:
            mapping.update_mean(w)
        size = self.current_stage.height
        layers = 2 * len(resolutions(size))
        if not self.config.use_styles:
            return synthesis.grown(w, size, fade, seed=self.random)
        ws = ops.repeat(w[:, None], layers, axis=1)
        if self.config.style_mixing:
            first = layers_of_the_first_w(layers, self.config.style_mixing, self.random)
            ws = ops.where(first, ws, mapping.w(self.z(count))[:, None])
        return synthesis.grown(ws, size, fade, seed=self.random)
