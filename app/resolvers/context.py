"""What every resolver of one operation has at hand."""

from dataclasses import dataclass

from app.auth.viewer import Viewer
from app.db.blind_index import BlindIndex
from app.db.database import Database
from app.planner.reader import Reader


@dataclass
class Context:
    """Made anew for every operation."""

    viewer: Viewer
    reader: Reader
    database: Database
    index: BlindIndex
