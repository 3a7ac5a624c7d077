"""A model that lives outside the project: it learns to tint pictures of A like those of B."""
