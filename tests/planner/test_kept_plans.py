"""What keeps plans keeps them within bounds, and no document beyond its time."""

import gc
import weakref

import pytest

from app.planner import plans
from app.planner.collecting import Reason
from app.planner.plans import KeptPlans, Outline, Unplanned

REFUSED = Unplanned(Reason.FIELD, "field Query.nodes")


def test_a_forgotten_document_is_not_held() -> None:
    kept, outline = KeptPlans(), Outline({})
    kept.keep(outline, (), REFUSED)
    seen = weakref.ref(outline)
    del outline
    gc.collect()
    assert seen() is None


def test_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "_LETTERS_MAX", 3 * plans._LETTERS_MIN)
    kept, outlines = KeptPlans(), [Outline({}) for _ in range(5)]
    for outline in outlines:
        kept.keep(outline, (), REFUSED)
    assert [bool(outline.plans) for outline in outlines] == [False, False, True, True, True]
