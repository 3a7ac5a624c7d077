"""StyleGAN3, whose pictures move and turn with their details: networks, config, algorithm."""
