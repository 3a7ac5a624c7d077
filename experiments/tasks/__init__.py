"""The tasks that models do: translation, generation, stylization, optimisation, video."""
