"""The twelve files of the retail bank and the columns that the import reads."""

from typing import Final

from app.db.retail_bank.files import Source

DISTRICTS: Final = Source(
    "completeddistrict.csv.gz", ("district_id", "city", "state_abbrev", "region", "division")
)
CLIENTS: Final = Source(
    "completedclient.csv.gz",
    (
        "client_id",
        "sex",
        "fulldate",
        "social",
        "first",
        "middle",
        "last",
        "phone",
        "email",
        "address_1",
        "address_2",
        "city",
        "state",
        "zipcode",
        "district_id",
    ),
    personal=True,
)
ACCOUNTS: Final = Source(
    "completedacct.csv.gz", ("account_id", "district_id", "frequency", "parseddate")
)
DISPOSITIONS: Final = Source(
    "completeddisposition.csv.gz", ("disp_id", "client_id", "account_id", "type")
)
CARDS: Final = Source("completedcard.csv.gz", ("card_id", "disp_id", "type", "fulldate"))
ORDERS: Final = Source(
    "completedorder.csv.gz",
    ("order_id", "account_id", "bank_to", "account_to", "amount", "k_symbol"),
)
LOANS: Final = Source(
    "completedloan.csv.gz",
    (
        "loan_id",
        "account_id",
        "amount",
        "duration",
        "payments",
        "status",
        "fulldate",
        "purpose",
    ),
)
LUXURY_LOANS: Final = Source(
    "LuxuryLoanPortfolio.csv.gz",
    (
        "loan_id",
        "funded_amount",
        "funded_date",
        "duration_months",
        "interest_rate",
        "payments",
        "total_past_payments",
        "loan_balance",
        "property_value",
        "purpose",
        "firstname",
        "middlename",
        "lastname",
        "social",
        "phone",
        "title",
        "address_1",
        "address_2",
        "zip_code",
        "city",
        "state",
    ),
    personal=True,
)
TRANSACTIONS: Final = Source(
    "trans.asc.gz",
    (
        "trans_id",
        "account_id",
        "date",
        "type",
        "operation",
        "amount",
        "balance",
        "k_symbol",
        "bank",
        "account",
    ),
    delimiter=";",
)
COMPLAINTS: Final = Source(
    "crm_events.csv.gz",
    (
        "date_received",
        "product",
        "sub_product",
        "issue",
        "submitted_via",
        "date_sent_to_company",
        "company_response_to_consumer",
        "timely_response",
        "complaint_id",
        "client_id",
    ),
)
CALLS: Final = Source(
    "crm_call_center_logs.csv.gz",
    (
        "call_id",
        "complaint_id",
        "client_id",
        "phonefinal",
        "priority",
        "type",
        "outcome",
        "server",
        "date_received",
        "ser_start",
        "ser_exit",
    ),
    personal=True,
)
REVIEWS: Final = Source(
    "crm_reviews.csv.gz",
    ("date", "stars", "reviews", "product", "district_id"),
    personal=True,
    spans_lines=True,
)
# The order of the import, and of its summary.
ALL: Final = (
    DISTRICTS,
    CLIENTS,
    ACCOUNTS,
    DISPOSITIONS,
    CARDS,
    ORDERS,
    LOANS,
    LUXURY_LOANS,
    TRANSACTIONS,
    COMPLAINTS,
    CALLS,
    REVIEWS,
)
