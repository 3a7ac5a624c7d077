"""StyleGAN2 and its training on few pictures (Karras et al. 2020, twice)."""
