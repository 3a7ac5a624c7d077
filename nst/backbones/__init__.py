"""Networks other than VGG that measure content and style, by name.

`table.py` lists them with their layers, `weights.py` gives them weights, `seeing.py` makes the
network that a loss looks through, of these and of VGG alike.
"""
