"""What an import tells its user: rows read, stored and refused, differences, the ledger's sum."""

from dataclasses import dataclass, field
from decimal import Decimal

from app.domain.account import TransactionKind
from app.domain.money import Currency


class ImportRefused(Exception):  # noqa: N818 - it names what happened, as the command says it.
    """The import cannot begin or go on, and nothing is stored; the text says why, and where."""


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """One line that was not stored."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        """Give ``file:line: reason``."""
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(slots=True)
class FileCount:
    """How many rows of one file went where; ``read`` is the sum of the other three."""

    file: str
    stored: int = 0
    already_there: int = 0
    refused: int = 0

    @property
    def read(self) -> int:
        """Rows of the file, without its header and blank lines."""
        return self.stored + self.already_there + self.refused


@dataclass(frozen=True, slots=True)
class Difference:
    """Postings that bring balances to the file's, as the ledger holds them after the import.

    ``net`` is their sum on customers' accounts, ``absolute`` the sum without signs.
    """

    kind: TransactionKind
    currency: Currency
    entries: int
    net: Decimal
    absolute: Decimal

    def __str__(self) -> str:
        """Give one sentence."""
        return (
            f"{self.kind}: {self.entries:,} postings, {self.absolute:,} {self.currency} in all,"
            f" {self.net:+,} {self.currency} net on customers' accounts"
        )


@dataclass(slots=True)
class Summary:
    """The result of an import that was stored."""

    files: list[FileCount] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    ledger: dict[Currency, Decimal] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def balanced(self) -> bool:
        """Whether all postings of the bank sum to zero in every currency."""
        return not any(self.ledger.values())

    def lines(self) -> list[tuple[str, ...]]:
        """Give the summary table: a header, one row for each file, and their sum."""
        rows: list[tuple[str, tuple[int, ...]]] = [
            (count.file, (count.read, count.stored, count.already_there, count.refused))
            for count in self.files
        ]
        sums = tuple(map(sum, zip(*(numbers for _, numbers in rows), strict=True)))
        rows.append(("all", sums))
        table: list[tuple[str, ...]] = [("file", "read", "stored", "already there", "refused")]
        table.extend((name, *(f"{number:,}" for number in numbers)) for name, numbers in rows)
        return table

    def totals(self) -> list[str]:
        """Give the sentences below the table: differences, ledger, notes, time."""
        sentences = [str(difference) for difference in self.differences]
        for currency, total in sorted(self.ledger.items()):
            state = "balanced" if not total else f"NOT balanced, {total:+,} {currency} too much"
            sentences.append(f"Ledger in {currency}: {state}")
        rows = sum(count.read for count in self.files)
        return [*sentences, *self.notes, f"{rows:,} rows in {self.seconds:.1f} s"]
