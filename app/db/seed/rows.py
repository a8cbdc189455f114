"""A chunk of the bank: its rows by table, in the order in which foreign keys let them in."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Final

from app.db.seed.plan import Plan

Row = tuple[object, ...]

_OWNED: Final = ("customer_id", "id")

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "customer": (
        "id", "number", "type", "source", "status", "kyc_status", "tier", "gender", "occupation",
        "risk_appetite", "credit_grade", "credit_score", "language", "preferred_channel",
        "branch_id", "customer_since", "name_ciphertext", "birth_date_ciphertext",
        "national_id_ciphertext", "phone_ciphertext", "email_ciphertext", "address_ciphertext",
        "created_at",
    ),
    "customer_key": ("customer_id", "wrapped_key"),
    "customer_number": ("number", "customer_id"),
    "national_id_index": ("digest", "customer_id"),
    "contact_index": ("digest", "customer_id", "kind"),
    "name_index": ("digest", "customer_id"),
    "assignment": ("customer_id", "role", "staff_id", "assigned_at"),
    "consent": (
        *_OWNED, "purpose", "granted", "channel", "staff_id", "recorded_at",
    ),
    "account": (
        *_OWNED, "kind", "currency", "balance", "status", "number_ciphertext", "branch_id",
        "statement_frequency", "opened_on", "closed_on", "annual_rate", "term_months",
        "matures_on", "source", "product_id", "accrued_until", "auto_renewal",
        "settlement_account_id", "term_began_on",
    ),
    "account_number_index": ("digest", "customer_id", "account_id"),
    "account_holder": ("customer_id", "account_id", "holder_id", "role", "since"),
    "held_account": ("customer_id", "owner_id", "account_id", "role"),
    "relationship": (*_OWNED, "related_customer_id", "kind", "since"),
    "card": (
        *_OWNED, "account_owner_id", "account_id", "level", "status", "issued_on", "expires_on",
        "number_ciphertext", "source",
    ),
    "standing_order": (
        *_OWNED, "account_id", "purpose", "amount", "currency", "frequency", "status", "next_on",
        "payee_bank", "payee_account_ciphertext", "source", "first_on",
    ),
    "loan": (
        *_OWNED, "number", "account_id", "purpose", "currency", "principal", "outstanding",
        "monthly_payment", "annual_rate", "term_months", "repayment_method", "status",
        "granted_on", "ends_on", "collateral_value", "source",
    ),
    "instalment": (
        *_OWNED, "loan_id", "number", "due_on", "principal", "interest", "paid", "paid_on",
    ),
    "journal_entry": (*_OWNED, "kind", "booked_at", "value_on", "source"),
    "posting": (
        *_OWNED, "account_id", "entry_customer_id", "entry_id", "kind", "channel", "amount",
        "currency", "balance_after", "booked_at", "value_on", "counterparty_bank",
        "counterparty_account_ciphertext",
    ),
    "holding": (*_OWNED, "product_id", "units", "cost", "currency"),
    "holding_lot": (*_OWNED, "holding_id", "acquired_on", "units", "cost"),
    "ticket": (
        *_OWNED, "number", "category", "subject", "status", "priority", "channel", "queue",
        "assignee_id", "opened_at", "due_at", "breached_at", "closed_at", "resolution", "csat",
        "event_count", "source", "first_answered_at", "resolved_at", "rated_at",
        "worked", "running_since", "due_for", "left_seconds", "due_soon_at", "due_soon_told_at",
        "breach_told_at", "urgent_at",
    ),
    "ticket_number": ("number", "customer_id", "ticket_id"),
    "ticket_event": (
        *_OWNED, "ticket_id", "number", "kind", "occurred_at", "staff_id", "status",
    ),
    "ticket_comment": (
        *_OWNED, "ticket_id", "staff_id", "internal", "body_ciphertext", "written_at",
    ),
    "interaction": (
        *_OWNED, "kind", "channel", "ticket_id", "branch_id", "started_at", "ended_at", "purpose",
        "outcome", "agent", "stars", "phone_ciphertext", "text_ciphertext", "source",
    ),
}  # fmt: skip


class Chunk:
    """Rows of one plan that are stored together, by table.

    ``internal`` are postings on the bank's own accounts, kept apart until all are made.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.of: dict[str, list[Row]] = {table: [] for table in COLUMNS}
        self.internal: list[Row] = []

    def add(self, table: str, *row: object) -> None:
        """Add one row; its values are in the order of the table's COLUMNS."""
        self.of[table].append(row)

    def close(self) -> None:
        """Put the bank's own postings behind those of customers, in the order of time.

        They are half of all postings, on a few accounts that every chunk adds to: in this order
        pages of their indexes are met one after the other. A customer's postings lie together.
        """
        self.of["posting"].extend(sorted(self.internal, key=itemgetter(_BOOKED_AT)))
        self.internal.clear()


_BOOKED_AT: Final = COLUMNS["posting"].index("booked_at")
