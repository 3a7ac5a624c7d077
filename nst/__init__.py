"""Neural style transfer: perceptual features, and a folder per paper."""
