"""Fields that follow from who is asking and from the row together."""

from dataclasses import dataclass
from typing import TypeVar

from app.planner.fields import Computed
from app.planner.projection import Row
from app.planner.reader import Reader

T = TypeVar("T")


@dataclass(frozen=True)
class ForViewer(Computed[T]):
    """A Python function of the viewer, and then of what `Computed` takes; no need may be null.

    One ``of_post`` asks nothing of the viewer but the acting role.
    """

    of_post: bool = False

    def value(self, name: str, row: Row, reader: Reader) -> T:
        """Call the function."""
        given = {parameter: row[f"{name}:{parameter}"] for parameter in self.needs}
        return self.function(reader.scope.viewer, **given)
