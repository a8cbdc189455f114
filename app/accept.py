"""Which media type and language a client likes best (RFC 9110, section 12.5)."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.domain.problem import Language

# Clients send the same few headers again and again; the lengths of others are bounded by HTTP's.
_KNOWN_MAX: Final = 200
_WEIGHT: Final = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


@dataclass(frozen=True)
class _Range:
    """A media range of the header: its place there and its weight from 0 to 1."""

    kind: str
    subkind: str
    place: int
    weight: float

    def fits(self, offer: str) -> bool:
        kind, _, subkind = offer.partition("/")
        return self.kind in {kind, "*"} and self.subkind in {subkind, "*"}

    @property
    def precision(self) -> int:
        return (self.kind != "*") + (self.subkind != "*")


@lru_cache(_KNOWN_MAX)
def preferred(accept: str, offers: tuple[str, ...]) -> str | None:
    """Choose one of ``offers`` for the header ``accept``; None when none of them is acceptable.

    The most precise range that fits an offer gives its weight. Between equal weights the offer
    that a range fits first is taken, then the first of the offers: clients list what they would
    rather have first, without weights. An empty header accepts anything.
    """
    ranges = _ranges(accept)
    best: tuple[tuple[float, int], str] | None = None
    for offer in offers:
        fitting = [each for each in ranges if each.fits(offer)]
        if not fitting:
            continue
        weight = max(fitting, key=lambda each: each.precision).weight
        rank = (weight, -fitting[0].place)
        if weight > 0 and (best is None or rank > best[0]):
            best = rank, offer
    return best[1] if best else None


@lru_cache(_KNOWN_MAX)
def has_parameter(accept: str, media_type: str, name: str, value: str) -> bool:
    """Tell whether the header ``accept`` lists a media type with a parameter of a value.

    Names of parameters are compared in small letters.
    """
    for part in accept.split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        given = dict(parameter.lower().partition("=")[::2] for parameter in parameters)
        if media.lower() == media_type and given.get(name, "").strip('"') == value:
            return given.get("q", "1").strip("0.") != ""
    return False


@lru_cache(_KNOWN_MAX)
def preferred_language(accept: str) -> Language:
    """Choose a language for the header ``Accept-Language`` (section 12.5.4): English or Chinese."""
    spoken = {"en": Language.EN, "zh": Language.ZH}
    ranges = [each for each in _ranges(accept) if each.weight > 0]
    # The heaviest that is spoken counts; of equals, the one that stands first.
    for each in sorted(ranges, key=lambda each: -each.weight):
        found = spoken.get(each.kind.partition("-")[0])
        if found is not None:
            return found
    return Language.EN


def _ranges(accept: str) -> list[_Range]:
    ranges = []
    for place, part in enumerate((accept.strip() or "*/*").lower().split(",")):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        kind, _, subkind = media.partition("/")
        given = dict(parameter.partition("=")[::2] for parameter in parameters)
        weight = given.get("q", "1")
        # A weight that cannot be read says nothing about its range: neither yes nor no.
        if _WEIGHT.fullmatch(weight):
            ranges.append(_Range(kind, subkind, place, float(weight)))
    return ranges
