"""What every resolver of one operation has at hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from app.auth.viewer import Viewer
from app.db.blind_index import BlindIndex
from app.planner.disclosure import Disclosure
from app.planner.errors import bad_input
from app.planner.projection import Projection
from app.planner.reader import Reader

# Which of a projection's fields the operation asks for.
Selected = Callable[[Projection], tuple[str, ...]]

_VALUE_LENGTH_MAX: Final = 254  # The longest e-mail address (RFC 5321, section 4.5.3.1).


def check_value(what: str, value: str) -> None:
    """Refuse an empty or overlong value to look up by."""
    if not any(map(str.isalnum, value)) or len(value) > _VALUE_LENGTH_MAX or "\x00" in value:
        message = f"{what}: a letter or digit, and at most {_VALUE_LENGTH_MAX} characters"
        raise bad_input(message)


@dataclass
class Context:
    """Made anew for every operation."""

    viewer: Viewer
    reader: Reader
    index: BlindIndex
    disclosure: Disclosure = field(default_factory=Disclosure)
