"""Trained networks as files that run elsewhere: SavedModel, Keras, ONNX, LiteRT, TensorFlow.js.

A task says what it can export (`experiments.export.parts`), `networks` makes a network of it that
takes pictures of any size and knows its own ranges, and `formats` writes it.
"""
