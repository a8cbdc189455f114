"""What a seed run tells its user: rows stored by table, the ledger's sum, the time it took."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from app.domain.money import Currency


class SeedRefused(Exception):  # noqa: N818 - it names what happened, as the command says it.
    """The seed cannot begin or go on; the text says why. Whole chunks stay, none is cut."""


@dataclass(slots=True)
class SeedSummary:
    """The result of a seed run; ``stored`` counts the rows of this run by table."""

    customers: int
    seed: int
    business_date: date
    already_there: int = 0
    stored: Counter[str] = field(default_factory=Counter)
    ledger: dict[Currency, Decimal] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Rows that this run stored."""
        return self.stored.total()

    @property
    def balanced(self) -> bool:
        """Whether all postings of the bank sum to zero in every currency."""
        return not any(self.ledger.values())

    def lines(self) -> list[tuple[str, ...]]:
        """Give the summary table: a header, one row for each table filled, and their sum."""
        table: list[tuple[str, ...]] = [("table", "stored")]
        table.extend((name, f"{count:,}") for name, count in sorted(self.stored.items()))
        table.append(("all", f"{self.rows:,}"))
        return table

    def totals(self) -> list[str]:
        """Give the sentences below the table: customers, ledger, business date, time."""
        there = f"{self.already_there:,} were there already"
        sentences = [f"{self.customers:,} customers with seed {self.seed} ({there})"]
        for currency, total in sorted(self.ledger.items()):
            state = "balanced" if not total else f"NOT balanced, {total:+,} {currency} too much"
            sentences.append(f"Ledger in {currency}: {state}")
        sentences.append(f"Business date: {self.business_date}")
        sentences.append(f"{self.rows:,} rows in {self.seconds:.1f} s")
        return sentences
