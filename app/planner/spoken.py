"""Fields that say something to the viewer about the row, in the viewer's language."""

from dataclasses import dataclass
from typing import TypeVar

from app.planner.for_viewer import ForViewer
from app.planner.projection import Row
from app.planner.reader import Reader

T = TypeVar("T")


@dataclass(frozen=True)
class Spoken(ForViewer[T]):
    """A Python function of the viewer, the language, and then of what `ForViewer` takes."""

    def value(self, name: str, row: Row, reader: Reader) -> T:
        """Call the function."""
        given = {parameter: row[f"{name}:{parameter}"] for parameter in self.needs}
        return self.function(reader.scope.viewer, reader.language, **given)
