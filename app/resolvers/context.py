"""What every resolver of one operation has at hand."""

from collections.abc import Callable
from dataclasses import dataclass

from app.auth.viewer import Viewer
from app.db.blind_index import BlindIndex
from app.planner.projection import Projection
from app.planner.reader import Reader

# Which of a projection's fields the operation asks for.
Selected = Callable[[Projection], tuple[str, ...]]


@dataclass
class Context:
    """Made anew for every operation."""

    viewer: Viewer
    reader: Reader
    index: BlindIndex
