import gzip
import re
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest

from app.db.retail_bank import codes
from app.db.retail_bank.files import (
    DAY_FIRST,
    MONTH_FIRST,
    BadLine,
    Row,
    Source,
    SourceFile,
)
from app.db.retail_bank.ledger import transaction_day
from app.db.retail_bank.loans import paid_instalments
from app.db.retail_bank.report import FileCount, ImportRefused, Refusal, Summary
from app.domain.account import InternalPurpose, TransactionKind
from app.domain.loan import LoanStatus, instalments_due

PLAIN = Source("plain.csv.gz", ("name", "value"))
SECRET = Source("secret.csv.gz", ("name", "value"), personal=True)
LONG = Source("long.csv.gz", ("name", "value"), spans_lines=True)


def opened(folder: Path, source: Source, content: bytes) -> SourceFile:
    (folder / source.name).write_bytes(gzip.compress(content))
    return SourceFile(folder, source)


def read(file: SourceFile) -> list[tuple[int, str]]:
    return list(file.parsed(lambda row: (row.line, row.text("value"))))


def row(value: str, *, personal: bool = False) -> Row:
    return Row(7, {"value": value}, personal=personal)


def test_a_byte_order_mark_blank_lines_and_a_missing_last_newline_do_no_harm(
    tmp_path: Path,
) -> None:
    file = opened(tmp_path, PLAIN, b"\xef\xbb\xbfname,value\r\na,1\r\n\r\nb,2")
    assert file.rows == 2
    assert read(file) == [(2, "1"), (4, "2")]
    assert not file.refused


def test_a_broken_line_is_named_and_the_next_is_read(tmp_path: Path) -> None:
    content = b'name,value\na,"1\nb,2\nc,3,4\nd\ne,\x00\nf,\ng,7\n'
    file = opened(tmp_path, PLAIN, content)
    assert read(file) == [(3, "2"), (8, "7")]
    assert list(map(str, file.refused)) == [
        "plain.csv.gz:2: the line is cut off or its quotes do not match",
        "plain.csv.gz:4: 3 columns instead of 2",
        "plain.csv.gz:5: 1 columns instead of 2",
        "plain.csv.gz:6: the line holds a NUL character",
        "plain.csv.gz:7: value is empty",
    ]


def test_lines_are_counted_through_quotes_that_span_them(tmp_path: Path) -> None:
    file = opened(tmp_path, LONG, b'name,value\na,"1\n\nx"\nb,2,3\nc,"3"x\nd,4\ne,"5')
    assert read(file) == [(2, "1\n\nx"), (7, "4")]
    assert [refusal.line for refusal in file.refused] == [5, 6, 8]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not gzip at all", "cannot be read as gzip"),
        (gzip.compress(b"name,value\na,1\n" * 1000)[:-20], "cannot be read as gzip"),
        (gzip.compress(b"name,value\na,\xff\xfe\n"), "not UTF-8 text"),
        (gzip.compress(b"name,price\na,1\n"), "column missing: value"),
        (gzip.compress(b""), "column missing: name, value"),
    ],
    ids=["text", "cut off", "latin", "other column", "empty"],
)
def test_a_file_that_is_broken_as_a_whole_is_refused(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    (tmp_path / PLAIN.name).write_bytes(content)
    with pytest.raises(ImportRefused, match=re.escape(f"{tmp_path / PLAIN.name}: {reason}")):
        SourceFile(tmp_path, PLAIN)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="there is no such file"):
        SourceFile(tmp_path, PLAIN)


def test_values_of_every_kind_are_read() -> None:
    assert row(" 12 ").whole("value") == 12
    assert row("3372.7").money("value") == Decimal("3372.70")
    assert str(row("700").money("value")) == "700.00"
    assert row("0.03359").decimal("value") == Decimal("0.03359")
    assert row("2013-01-05").day("value") == date(2013, 1, 5)
    assert row("4/7/2012").day("value", MONTH_FIRST) == date(2012, 4, 7)
    assert row("03-07-2014").day("value", DAY_FIRST) == date(2014, 7, 3)
    assert row("9:05:00").clock("value") == time(9, 5)
    assert row(" ").optional("value") is None


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("whole", "1_000", "value: '1_000' is not a whole number"),
        ("whole", "-1", "value: '-1' is not a whole number"),
        ("decimal", "NaN", "value: 'NaN' is not a number"),
        ("decimal", "1e5", "value: '1e5' is not a number"),
        ("money", "1.005", "value: '1.005' is not an amount of whole cents of USD"),
        ("money", "1234567890123456", "value: '1234567890123456' is not a number"),
        ("day", "2013-02-29", "value: '2013-02-29' is not a date"),
        ("day", "yesterday", "value: 'yesterday' is not a date"),
        ("clock", "24:00:00", "value: '24:00:00' is not a time of day"),
        ("clock", "noon", "value: 'noon' is not a time of day"),
        ("text", " ", "value is empty"),
        ("whole", "x" * 41, "value is not a whole number"),
    ],
)
def test_a_wrong_value_is_shown(kind: str, value: str, reason: str) -> None:
    with pytest.raises(BadLine) as refused:
        getattr(row(value), kind)("value")
    assert str(refused.value) == reason


def test_a_personal_file_never_shows_a_value() -> None:
    with pytest.raises(BadLine) as refused:
        row("926-93-2157", personal=True).day("value")
    assert str(refused.value) == "value is not a date"
    with pytest.raises(BadLine) as refused:
        row("926-93-2157", personal=True).leads_nowhere("value", "a client")
    assert str(refused.value) == "value names a client that is not in the bank"
    with pytest.raises(BadLine) as refused:
        row("", personal=True).whole("value")
    assert str(refused.value) == "value is empty"


def test_dates_move_on_by_twenty_years() -> None:
    assert transaction_day(Row(1, {"date": "930101"}, personal=False)) == date(2013, 1, 1)
    assert transaction_day(Row(1, {"date": "960229"}, personal=False)) == date(2016, 2, 29)
    for wrong in ("930229", "931301", "9301", "19930101"):
        with pytest.raises(BadLine, match=f"date: '{wrong}' is not a date"):
            transaction_day(Row(1, {"date": wrong}, personal=False))


def test_czech_codes_become_kinds() -> None:
    kinds = {" / ".join(words): booking.kind for words, booking in codes.BOOKINGS.items()}
    assert kinds["PRIJEM / PREVOD Z UCTU / DUCHOD"] == TransactionKind.PENSION
    assert kinds["VYDAJ / VYBER KARTOU / "] == TransactionKind.CARD_WITHDRAWAL
    assert kinds["VYBER / VYBER / "] == TransactionKind.CASH_WITHDRAWAL
    assert kinds["VYDAJ / VYBER / SANKC. UROK"] == TransactionKind.PENALTY_INTEREST
    assert len(kinds) == 14
    paid_in_cash = codes.BOOKINGS["VYDAJ", "VYBER", "SIPO"]
    assert paid_in_cash.kind == TransactionKind.HOUSEHOLD_PAYMENT
    assert paid_in_cash.against == InternalPurpose.CASH


@pytest.mark.parametrize(
    ("granted_on", "months", "by", "due"),
    [
        (date(2018, 1, 31), 24, date(2018, 2, 27), 0),
        (date(2018, 1, 31), 24, date(2018, 2, 28), 1),
        (date(2018, 1, 31), 24, date(2018, 12, 31), 11),
        (date(2014, 7, 5), 12, date(2018, 12, 31), 12),
        (date(2019, 3, 1), 12, date(2018, 12, 31), 0),
    ],
)
def test_instalments_that_are_due(granted_on: date, months: int, by: date, due: int) -> None:
    assert instalments_due(granted_on, months, by) == due


def test_a_loans_state_says_what_is_paid() -> None:
    over, running = date(2014, 7, 5), date(2018, 1, 31)
    assert paid_instalments(LoanStatus.PAID_OFF, over, 12) == 12
    assert paid_instalments(LoanStatus.DEFAULTED, over, 12) == 11
    assert paid_instalments(LoanStatus.ACTIVE, running, 24) == 11
    assert paid_instalments(LoanStatus.IN_ARREARS, running, 24) == 10


@pytest.mark.parametrize(
    ("status", "granted_on", "reason"),
    [
        (LoanStatus.PAID_OFF, date(2018, 1, 31), "the term ends on 2019-01-31"),
        (LoanStatus.ACTIVE, date(2014, 7, 5), "the term ended on 2015-07-05"),
        (LoanStatus.IN_ARREARS, date(2018, 12, 20), "no instalment is due"),
    ],
)
def test_a_state_that_contradicts_the_dates_is_refused(
    status: LoanStatus, granted_on: date, reason: str
) -> None:
    with pytest.raises(BadLine, match=reason):
        paid_instalments(status, granted_on, 12)


def test_the_summary_adds_up() -> None:
    summary = Summary(files=[FileCount("a", 1, 2, 3), FileCount("b", 1000, 0, 1)])
    assert summary.lines() == [
        ("file", "read", "stored", "already there", "refused"),
        ("a", "6", "1", "2", "3"),
        ("b", "1,001", "1,000", "0", "1"),
        ("all", "1,007", "1,001", "2", "4"),
    ]
    assert str(Refusal("a", 3, "what is wrong")) == "a:3: what is wrong"
