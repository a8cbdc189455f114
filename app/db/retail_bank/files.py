"""Reading the retail bank's files: gzip, separated values, one refusal for each broken line."""

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Final, NoReturn, TypeVar

from app.db.retail_bank.report import FileCount, ImportRefused, Refusal
from app.domain.money import Currency, minor_unit

# The source's English edition presents clients of the United States and names no currency.
CURRENCY: Final = Currency.USD
YEAR_FIRST: Final = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
MONTH_FIRST: Final = re.compile(r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})")
DAY_FIRST: Final = re.compile(r"(?P<day>[0-9]{2})-(?P<month>[0-9]{2})-(?P<year>[0-9]{4})")
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})")
_SHOWN_MAX: Final = 40
_WHOLE: Final = re.compile(r"[0-9]{1,9}")
# 15 digits before the point hold any bank's total in any currency.
_DECIMAL: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?")

Parsed = TypeVar("Parsed")
Code = TypeVar("Code")


class BadLine(Exception):  # noqa: N818 - it names the line, as the report does.
    """A line cannot be stored; the text says what is wrong, without personal data."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the retail bank.

    Where ``personal`` is set, refusals name columns and never show values: a value that slipped
    into another column could be anybody's name. ``spans_lines`` allows line breaks in quotes.
    """

    name: str
    columns: tuple[str, ...]
    delimiter: str = ","
    personal: bool = False
    spans_lines: bool = False


class Row:
    """One row of a file; reading a column raises BadLine when its value is no such thing."""

    __slots__ = ("_personal", "_values", "line")

    def __init__(self, line: int, values: Mapping[str, str], *, personal: bool) -> None:
        self.line = line
        self._values = values
        self._personal = personal

    def _bad(self, column: str, what: str) -> BadLine:
        value = self._values[column]
        if self._personal or len(value) > _SHOWN_MAX:
            return BadLine(f"{column} {what}" if value.strip() else f"{column} is empty")
        return BadLine(f"{column}: {value!r} {what}")

    def optional(self, column: str) -> str | None:
        """Give a text without surrounding spaces, None where it is empty."""
        return self._values[column].strip() or None

    def text(self, column: str) -> str:
        """Give a text that may not be empty."""
        value = self._values[column].strip()
        if not value:
            message = f"{column} is empty"
            raise BadLine(message)
        return value

    def matching(self, column: str, pattern: re.Pattern[str], what: str) -> str:
        """Give a text of a known form."""
        value = self._values[column].strip()
        if not pattern.fullmatch(value):
            raise self._bad(column, f"is not {what}")
        return value

    def whole(self, column: str) -> int:
        """Give a whole number that is not negative."""
        return int(self.matching(column, _WHOLE, "a whole number"))

    def decimal(self, column: str) -> Decimal:
        """Give a decimal number."""
        return Decimal(self.matching(column, _DECIMAL, "a number"))

    def money(self, column: str) -> Decimal:
        """Give an amount in the file's currency, to its minor unit."""
        value = self.decimal(column)
        amount = value.quantize(minor_unit(CURRENCY))
        if amount != value:
            raise self._bad(column, f"is not an amount of whole cents of {CURRENCY}")
        return amount

    def day(self, column: str, form: re.Pattern[str] = YEAR_FIRST) -> date:
        """Give a date; ``form`` has the groups year, month and day."""
        found = form.fullmatch(self._values[column].strip())
        if found:
            with suppress(ValueError):
                return date(*map(int, found.group("year", "month", "day")))
        raise self._bad(column, "is not a date")

    def clock(self, column: str) -> time:
        """Give a time of day written as ``H:MM:SS``."""
        found = _CLOCK.fullmatch(self._values[column].strip())
        if found:
            with suppress(ValueError):
                hour, minute, second = map(int, found.groups())
                return time(hour, minute, second)
        raise self._bad(column, "is not a time of day")

    def code(self, column: str, meanings: Mapping[str, Code]) -> Code:
        """Give what a code of the source stands for."""
        try:
            return meanings[self._values[column].strip()]
        except KeyError:
            raise self._bad(column, "is not a known code") from None

    def once(self, column: str, value: Parsed, seen: Container[Parsed]) -> Parsed:
        """Give the row's own identifier, read from ``column``, unless it was seen before."""
        if value in seen:
            raise self._bad(column, "is in an earlier line already")
        return value

    def leads_nowhere(self, column: str, what: str) -> NoReturn:
        """Refuse a reference to something that is not in the bank."""
        raise self._bad(column, f"names {what} that is not in the bank")


def _records(source: Source, path: Path) -> Iterator[tuple[int, list[str] | None]]:
    """Give line number and values of each record, None for one that cannot be split."""
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as lines:
        if not source.spans_lines:
            # Split line by line, an unclosed quote spoils its own line and no other.
            for number, line in enumerate(lines, start=1):
                try:
                    yield number, next(csv.reader([line], delimiter=source.delimiter, strict=True))
                except csv.Error:
                    yield number, None
            return
        reader = csv.reader(lines, delimiter=source.delimiter, strict=True)
        while True:
            number = reader.line_num + 1
            try:
                yield number, next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield number, None


class SourceFile:
    """One file while it is imported: its rows, and what became of each."""

    def __init__(self, folder: Path, source: Source) -> None:
        """Look the file through once; raises ImportRefused where it cannot be read at all.

        A file that is broken as a whole is found here, before anything is stored.
        """
        self.source = source
        self.path = folder / source.name
        self.count = FileCount(source.name)
        self.refused: list[Refusal] = []
        self.rows = 0
        try:
            self._header = self._look_through()
        except FileNotFoundError:
            message = f"{self.path}: there is no such file"
            raise ImportRefused(message) from None
        except UnicodeDecodeError as error:
            message = f"{self.path}: not UTF-8 text ({error.reason})"
            raise ImportRefused(message) from error
        except (OSError, EOFError, zlib.error) as error:
            message = f"{self.path}: cannot be read as gzip ({error})"
            raise ImportRefused(message) from error

    def _look_through(self) -> list[str]:
        records = _records(self.source, self.path)
        header = [name.strip() for name in next(records, (0, None))[1] or ()]
        missing = [column for column in self.source.columns if column not in header]
        if missing:
            message = f"{self.path}: column missing: {', '.join(missing)}"
            raise ImportRefused(message)
        self.rows = sum(values != [] for _, values in records)
        return header

    def refuse(self, line: int, reason: object) -> None:
        """Leave a line out and remember why."""
        self.count.refused += 1
        self.refused.append(Refusal(self.source.name, line, str(reason)))

    def _row(self, line: int, values: list[str] | None) -> Row:
        if values is None:
            message = "the line is cut off or its quotes do not match"
            raise BadLine(message)
        if len(values) != len(self._header):
            message = f"{len(values)} columns instead of {len(self._header)}"
            raise BadLine(message)
        if any("\0" in value for value in values):
            message = "the line holds a NUL character"
            raise BadLine(message)
        fields = dict(zip(self._header, values, strict=True))
        return Row(line, fields, personal=self.source.personal)

    def parsed(self, parse: Callable[[Row], Parsed]) -> Iterator[Parsed]:
        """Give what ``parse`` makes of each row; rows for which it raises BadLine are refused."""
        records = _records(self.source, self.path)
        next(records)
        for line, values in records:
            if values == []:
                continue
            try:
                record = parse(self._row(line, values))
            except BadLine as reason:
                self.refuse(line, reason)
            else:
                yield record
