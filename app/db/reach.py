"""How a statement comes to rows of customers."""

from enum import Enum, auto


class Reach(Enum):
    """How a statement comes to rows: what it must still ask of their customers."""

    # Through another row of the same customer, which the viewer may see.
    INSIDE = auto()
    # By keys that may name anybody's row.
    KEYED = auto()
    # As a list of anybody's rows, so the condition has to find them.
    LISTED = auto()
