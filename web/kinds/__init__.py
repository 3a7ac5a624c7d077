"""What can be ordered, a module for each kind of model.

Each has `read`, which turns a request into files in the job's folder and values that JSON can hold,
and `work`, which turns these into a result in that folder.
"""

from types import ModuleType

from web.kinds import learned, sample, stylize, translate

# the kind of a model -> its module
KINDS: dict[str, ModuleType] = {
    "any": stylize,
    "learned": learned,
    "translate": translate,
    "sample": sample,
}
ACTIONS = {"stylize": ("any", "learned"), "translate": ("translate",), "sample": ("sample",)}
