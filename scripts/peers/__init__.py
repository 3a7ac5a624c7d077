"""The papers' networks in plain PyTorch, to measure ours against: `python -m scripts.peers`.

All modules but `settings` need PyTorch, which the extra `peers` installs.
"""
