"""Posts of the bank, and what each may see: the whole matrix on one screen."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from app.domain.closed_set import ClosedSet


class Role(ClosedSet):
    """A post; a request acts in exactly one."""

    CUSTOMER = "CUSTOMER", "The customer, in mobile or web banking."
    TELLER = "TELLER", "Counter staff."
    RELATIONSHIP_MANAGER = "RELATIONSHIP_MANAGER", "Customer manager."
    WEALTH_ADVISOR = "WEALTH_ADVISOR", "Dedicated adviser of higher tiers."
    SERVICE_AGENT = "SERVICE_AGENT", "Service desk."
    LOAN_OFFICER = "LOAN_OFFICER", "Assesses loans and approves them up to a limit."
    BRANCH_MANAGER = "BRANCH_MANAGER", "Heads a branch and approves above limits."
    RISK_OFFICER = "RISK_OFFICER", "Risk control and credit policy."
    MARKETER = "MARKETER", "Segments and campaigns."
    ANALYST = "ANALYST", "Reports and GraphiQL."
    EXECUTIVE = "EXECUTIVE", "Management reports."
    COMPLIANCE = "COMPLIANCE", "Audit and the regulator's questions."
    ADMIN = "ADMIN", "Staff, roles, keys and jobs; no customer data."


class DataClass(ClosedSet):
    """How sensitive data is (financial industry standard JR/T 0171)."""

    C1 = "C1", "Low: business data."
    C2 = "C2", "Personal: contact, identity, account and card numbers."
    C3 = "C3", "Secret: credentials."


class Mask(ClosedSet):
    """How a value is shown to those who may know that it is there, but not what it is."""

    ADDRESS = "ADDRESS", "Town, region and country only."
    BIRTH_DATE = "BIRTH_DATE", "The first of January of the year."
    EMAIL = "EMAIL", "First letters and the top-level domain."
    NAME = "NAME", "A Chinese surname, or the first letters of first and last name."
    NATIONAL_ID = "NATIONAL_ID", "The last two characters."
    NUMBER = "NUMBER", "At most the last four characters of an account or card number."
    PHONE = "PHONE", "The country code, where there is one, and the last two digits."
    PSEUDONYM = "PSEUDONYM", "A stable invented name, another one for each post."


class Permission(ClosedSet):
    """What a post may be allowed to do."""

    ACCOUNT_CLOSE = "ACCOUNT_CLOSE", "Close an account and pay out what is on it."
    ACCOUNT_FREEZE = "ACCOUNT_FREEZE", "Keep money from leaving an account, and let it go again."
    ACCOUNT_NUMBER_READ = "ACCOUNT_NUMBER_READ", "See account numbers."
    ACCOUNT_OPEN = "ACCOUNT_OPEN", "Open a demand account."
    ACCOUNT_READ = "ACCOUNT_READ", "See accounts and cards, without numbers and money."
    APPROVAL_DECIDE = "APPROVAL_DECIDE", "Approve or reject what somebody else asked for."
    APPROVAL_READ = "APPROVAL_READ", "See requests for a second person: one's own, and to decide."
    APPROVAL_WITHDRAW = "APPROVAL_WITHDRAW", "Take back what one asked for oneself."
    AUDIT_READ = "AUDIT_READ", "See the audit trail: who did or saw what."
    BEHAVIOUR_READ = "BEHAVIOUR_READ", "See what customers did in a period."
    CARD_NUMBER_READ = "CARD_NUMBER_READ", "See card numbers."
    CASH_BOOK = "CASH_BOOK", "Book cash that is paid in or taken out at the counter."
    CONSENT_RECORD = "CONSENT_RECORD", "Record what a customer allows or forbids."
    CREDIT_READ = "CREDIT_READ", "See credit scores, grades and risk classes."
    CUSTOMER_CONTACT_READ = "CUSTOMER_CONTACT_READ", "See phone, e-mail and postal address."
    CUSTOMER_ERASE = "CUSTOMER_ERASE", "Destroy a customer's personal data."
    CUSTOMER_EXPORT = "CUSTOMER_EXPORT", "Give out all data of a customer."
    CUSTOMER_IDENTITY_READ = "CUSTOMER_IDENTITY_READ", "See national id and date of birth."
    CUSTOMER_LOOK_UP = "CUSTOMER_LOOK_UP", "Find a customer or account by one complete value."
    CUSTOMER_NAME_READ = "CUSTOMER_NAME_READ", "See names, and numbers that name one customer."
    CUSTOMER_READ = "CUSTOMER_READ", "See customers: tier, type, status, age and the like."
    CUSTOMER_REGISTER = "CUSTOMER_REGISTER", "Take on a new customer."
    CUSTOMER_UPDATE = "CUSTOMER_UPDATE", "Change contact data and preferences."
    DEPOSIT_OPEN = "DEPOSIT_OPEN", "Open a time deposit with money of a demand account."
    ENTRY_REVERSE = "ENTRY_REVERSE", "Reverse a booking."
    FIELD_REVEAL = "FIELD_REVEAL", "See one masked value, for a stated reason."
    HOLD_READ = "HOLD_READ", "See what keeps money from leaving accounts, and why."
    HOLDING_READ = "HOLDING_READ", "See holdings and risk appetite."
    MANAGER_ASSIGN = "MANAGER_ASSIGN", "Make somebody responsible for a customer."
    MONEY_READ = "MONEY_READ", "See balances, bookings, loans and totals."
    MONEY_TRANSFER = "MONEY_TRANSFER", "Transfer money, now or by standing order."
    PAYEE_KEEP = "PAYEE_KEEP", "See payees, and add one."
    PAYMENT_TEXT_READ = "PAYMENT_TEXT_READ", "See what payers wrote to their payments."
    PROFILE_READ = "PROFILE_READ", "See relationships, preferences, contacts and timeline."
    REFERENCE_READ = "REFERENCE_READ", "See branches and products."
    REPORT_READ = "REPORT_READ", "See the bank in numbers."
    SEGMENT_READ = "SEGMENT_READ", "See segments and who belongs to them."
    SERVICE_BEGIN = "SERVICE_BEGIN", "Serve for a while a customer who came or called."
    STAFF_LIST = "STAFF_LIST", "List the people who work for the bank."
    STAFF_READ = "STAFF_READ", "See who at the bank is in charge."
    TICKET_ASSIGN = "TICKET_ASSIGN", "Say who works on a request to the service desk."
    TICKET_ESCALATE = "TICKET_ESCALATE", "Make a request more urgent, or move it elsewhere."
    TICKET_OPEN = "TICKET_OPEN", "Ask the service desk for something."
    TICKET_RATE = "TICKET_RATE", "Say how the service was."
    TICKET_READ = "TICKET_READ", "See requests to the service desk."
    TICKET_REOPEN = "TICKET_REOPEN", "Say that an answer settled nothing."
    TICKET_REPLY = "TICKET_REPLY", "Write to a request."
    TICKET_ROUTING_READ = "TICKET_ROUTING_READ", "See why a request went to somebody."
    TICKET_WORK = "TICKET_WORK", "Say how far a request has come, and answer it."


@dataclass(frozen=True)
class Grant:
    """Who holds a permission.

    ``clear`` see the value, those in ``step_up`` of them only after strong authentication;
    ``masked`` see it masked.
    """

    clear: frozenset[Role]
    masked: frozenset[Role] = frozenset()
    step_up: frozenset[Role] = frozenset()
    data_class: DataClass = DataClass.C1

    @property
    def is_personal(self) -> bool:
        """Whether seeing the value is recorded (app.db.reads)."""
        return self.data_class is not DataClass.C1


_SHORT: Final = {
    "CU": Role.CUSTOMER,
    "TE": Role.TELLER,
    "RM": Role.RELATIONSHIP_MANAGER,
    "WA": Role.WEALTH_ADVISOR,
    "SA": Role.SERVICE_AGENT,
    "LO": Role.LOAN_OFFICER,
    "BM": Role.BRANCH_MANAGER,
    "RO": Role.RISK_OFFICER,
    "MA": Role.MARKETER,
    "AN": Role.ANALYST,
    "EX": Role.EXECUTIVE,
    "CO": Role.COMPLIANCE,
    "AD": Role.ADMIN,
}


def _roles(short: str) -> frozenset[Role]:
    return frozenset(_SHORT[name] for name in short.split())


def _grant(
    clear: str, masked: str = "", step_up: str = "", data_class: DataClass = DataClass.C1
) -> Grant:
    return Grant(_roles(clear), _roles(masked), _roles(step_up), data_class)


# fmt: off
_C2: Final = DataClass.C2
MATRIX: Final[Mapping[Permission, Grant]] = {
    Permission.CUSTOMER_READ:          _grant("CU TE RM WA SA LO BM RO MA AN CO"),
    Permission.CUSTOMER_NAME_READ:     _grant("CU TE RM WA SA LO BM CO", "RO MA AN", "", _C2),
    Permission.CUSTOMER_CONTACT_READ:  _grant("CU RM BM CO", "TE SA WA LO", "CO", _C2),
    Permission.CUSTOMER_IDENTITY_READ: _grant("CU CO", "TE RM LO BM", "CO", _C2),
    Permission.CUSTOMER_LOOK_UP:       _grant("TE RM SA LO BM CO"),
    Permission.ACCOUNT_READ:           _grant("CU TE RM WA SA LO BM RO AN CO"),
    Permission.ACCOUNT_NUMBER_READ:    _grant("CU TE BM CO", "RM WA SA LO", "CO", _C2),
    Permission.CARD_NUMBER_READ:       _grant("CU BM CO", "TE RM WA SA LO", "CO", _C2),
    Permission.PAYMENT_TEXT_READ:      _grant("CU TE BM CO", "", "CO", _C2),
    Permission.MONEY_READ:             _grant("CU TE RM WA LO BM RO AN CO"),
    Permission.CREDIT_READ:            _grant("RM LO BM RO CO"),
    Permission.HOLDING_READ:           _grant("CU RM WA BM RO AN CO"),
    Permission.TICKET_READ:            _grant("CU TE RM SA BM CO"),
    Permission.TICKET_OPEN:            _grant("CU TE RM SA BM"),
    Permission.TICKET_REPLY:           _grant("CU TE RM SA BM"),
    Permission.TICKET_REOPEN:          _grant("CU TE RM SA BM"),
    Permission.TICKET_RATE:            _grant("CU"),
    Permission.TICKET_ESCALATE:        _grant("TE RM SA BM"),
    Permission.TICKET_ASSIGN:          _grant("SA BM"),
    Permission.TICKET_WORK:            _grant("SA BM"),
    Permission.TICKET_ROUTING_READ:    _grant("SA BM CO"),
    Permission.PROFILE_READ:           _grant("CU RM WA SA BM CO"),
    Permission.BEHAVIOUR_READ:         _grant("CU RM WA SA BM MA AN CO"),
    Permission.SEGMENT_READ:           _grant("RM WA BM MA AN"),
    Permission.REFERENCE_READ:         _grant("CU TE RM WA SA LO BM RO MA AN EX CO AD"),
    Permission.STAFF_READ:             _grant("CU TE RM WA SA LO BM RO MA AN EX CO AD"),
    Permission.STAFF_LIST:             _grant("TE RM WA SA LO BM RO MA AN EX CO AD"),
    Permission.REPORT_READ:            _grant("BM RO MA AN EX", "", "EX"),
    Permission.AUDIT_READ:             _grant("CO", "", "CO", _C2),
    Permission.SERVICE_BEGIN:          _grant("TE RM SA LO BM"),
    Permission.FIELD_REVEAL:           _grant("TE RM WA SA LO BM", "", "TE RM WA SA LO BM", _C2),
    Permission.CUSTOMER_REGISTER:      _grant("TE RM BM"),
    Permission.CUSTOMER_UPDATE:        _grant("CU TE RM BM"),
    Permission.CONSENT_RECORD:         _grant("CU TE RM SA BM"),
    Permission.MANAGER_ASSIGN:         _grant("BM"),
    Permission.ACCOUNT_OPEN:           _grant("CU TE RM BM"),
    Permission.DEPOSIT_OPEN:           _grant("CU TE BM"),
    Permission.CASH_BOOK:              _grant("TE BM"),
    Permission.MONEY_TRANSFER:         _grant("CU TE BM"),
    Permission.PAYEE_KEEP:             _grant("CU TE BM", "", "", _C2),
    Permission.ENTRY_REVERSE:          _grant("TE BM"),
    Permission.ACCOUNT_FREEZE:         _grant("BM RO CO"),
    Permission.HOLD_READ:              _grant("TE RM BM RO CO"),
    Permission.ACCOUNT_CLOSE:          _grant("CU TE BM"),
    Permission.CUSTOMER_EXPORT:        _grant("CU CO", "", "CU CO", _C2),
    Permission.CUSTOMER_ERASE:         _grant("CO", "", "CO", _C2),
    Permission.APPROVAL_READ:          _grant("CU TE RM LO BM RO CO"),
    Permission.APPROVAL_WITHDRAW:      _grant("CU TE RM LO BM RO CO"),
    Permission.APPROVAL_DECIDE:        _grant("BM RO CO", "", "BM RO CO"),
}
# fmt: on

# Posts that never learn who a customer is: every id they see or send is sealed.
PSEUDONYMOUS: Final = _roles("MA AN")


class Access(Enum):
    """What a viewer sees of a field."""

    CLEAR = "the value"
    MASKED = "the value, masked"
    STEP_UP = "nothing before strong authentication"
    DENIED = "nothing"


class ViewerAction(ClosedSet):
    """What a viewer may or may not do with an object: a button, or a part of a screen."""

    ADD_PAYEE = "ADD_PAYEE", "Add somebody whom the customer pays."
    APPROVE_REQUEST = "APPROVE_REQUEST", "Approve what somebody else asked for."
    ASSIGN_MANAGER = "ASSIGN_MANAGER", "Ask to make somebody responsible for the customer."
    ASSIGN_TICKET = "ASSIGN_TICKET", "Say who works on the request."
    CANCEL_STANDING_ORDER = "CANCEL_STANDING_ORDER", "End a standing order."
    CHANGE_TICKET_STATUS = "CHANGE_TICKET_STATUS", "Say how far the request has come."
    CLOSE_ACCOUNT = "CLOSE_ACCOUNT", "Close the account."
    CREATE_STANDING_ORDER = "CREATE_STANDING_ORDER", "Have the account pay again and again."
    DEPOSIT_CASH = "DEPOSIT_CASH", "Book cash that is paid in."
    ESCALATE_TICKET = "ESCALATE_TICKET", "Make the request more urgent, or move it elsewhere."
    FREEZE_ACCOUNT = "FREEZE_ACCOUNT", "Keep money from leaving the account."
    OPEN_ACCOUNT = "OPEN_ACCOUNT", "Open an account for the customer."
    OPEN_TIME_DEPOSIT = "OPEN_TIME_DEPOSIT", "Open a time deposit with money of the account."
    OPEN_TICKET = "OPEN_TICKET", "Ask the service desk for something."
    RATE_TICKET = "RATE_TICKET", "Say how the service was."
    RECORD_CONSENT = "RECORD_CONSENT", "Record what the customer allows or forbids."
    REJECT_REQUEST = "REJECT_REQUEST", "Reject what somebody else asked for."
    REOPEN_TICKET = "REOPEN_TICKET", "Say that the answer settled nothing."
    REPLY_TO_TICKET = "REPLY_TO_TICKET", "Write to the other side."
    RESOLVE_TICKET = "RESOLVE_TICKET", "Answer the request for good."
    SEE_BEHAVIOUR = "SEE_BEHAVIOUR", "See what the customer did in a period."
    SEE_CONTACT = "SEE_CONTACT", "See phone, e-mail and postal address."
    SEE_CREDIT = "SEE_CREDIT", "See credit score, grade or risk class."
    SEE_HOLDINGS = "SEE_HOLDINGS", "See holdings and risk appetite."
    SEE_IDENTITY = "SEE_IDENTITY", "See national id and date of birth."
    SEE_MONEY = "SEE_MONEY", "See balances, bookings, loans and totals."
    SEE_NAME = "SEE_NAME", "See the name and the customer number."
    SEE_NUMBER = "SEE_NUMBER", "See the number."
    SEE_PROFILE = "SEE_PROFILE", "See relationships, preferences, contacts and timeline."
    SEE_SEGMENTS = "SEE_SEGMENTS", "See the segments the customer belongs to."
    SEE_TICKETS = "SEE_TICKETS", "See requests to the service desk."
    TRANSFER_MONEY = "TRANSFER_MONEY", "Transfer money now."
    UNFREEZE_ACCOUNT = "UNFREEZE_ACCOUNT", "Let money leave the account again."
    UPDATE_CUSTOMER = "UPDATE_CUSTOMER", "Change contact data and preferences."
    WITHDRAW_CASH = "WITHDRAW_CASH", "Book cash that is taken out."
    WITHDRAW_TIME_DEPOSIT = (
        "WITHDRAW_TIME_DEPOSIT",
        "Take money out of a time deposit before its end.",
    )
    WITHDRAW_REQUEST = "WITHDRAW_REQUEST", "Take back what one asked for oneself."


CUSTOMER_ACTIONS: Final[Mapping[ViewerAction, Permission]] = {
    ViewerAction.SEE_NAME: Permission.CUSTOMER_NAME_READ,
    ViewerAction.SEE_CONTACT: Permission.CUSTOMER_CONTACT_READ,
    ViewerAction.SEE_IDENTITY: Permission.CUSTOMER_IDENTITY_READ,
    ViewerAction.SEE_MONEY: Permission.MONEY_READ,
    ViewerAction.SEE_CREDIT: Permission.CREDIT_READ,
    ViewerAction.SEE_HOLDINGS: Permission.HOLDING_READ,
    ViewerAction.SEE_TICKETS: Permission.TICKET_READ,
    ViewerAction.SEE_PROFILE: Permission.PROFILE_READ,
    ViewerAction.SEE_BEHAVIOUR: Permission.BEHAVIOUR_READ,
    ViewerAction.SEE_SEGMENTS: Permission.SEGMENT_READ,
    ViewerAction.UPDATE_CUSTOMER: Permission.CUSTOMER_UPDATE,
    ViewerAction.RECORD_CONSENT: Permission.CONSENT_RECORD,
    ViewerAction.ASSIGN_MANAGER: Permission.MANAGER_ASSIGN,
    ViewerAction.OPEN_ACCOUNT: Permission.ACCOUNT_OPEN,
    ViewerAction.ADD_PAYEE: Permission.PAYEE_KEEP,
    ViewerAction.OPEN_TICKET: Permission.TICKET_OPEN,
}
ACCOUNT_ACTIONS: Final[Mapping[ViewerAction, Permission]] = {
    ViewerAction.SEE_NUMBER: Permission.ACCOUNT_NUMBER_READ,
    ViewerAction.SEE_MONEY: Permission.MONEY_READ,
    ViewerAction.DEPOSIT_CASH: Permission.CASH_BOOK,
    ViewerAction.WITHDRAW_CASH: Permission.CASH_BOOK,
    ViewerAction.TRANSFER_MONEY: Permission.MONEY_TRANSFER,
    ViewerAction.CREATE_STANDING_ORDER: Permission.MONEY_TRANSFER,
    ViewerAction.OPEN_TIME_DEPOSIT: Permission.DEPOSIT_OPEN,
    ViewerAction.WITHDRAW_TIME_DEPOSIT: Permission.DEPOSIT_OPEN,
    ViewerAction.FREEZE_ACCOUNT: Permission.ACCOUNT_FREEZE,
    ViewerAction.UNFREEZE_ACCOUNT: Permission.ACCOUNT_FREEZE,
    ViewerAction.CLOSE_ACCOUNT: Permission.ACCOUNT_CLOSE,
}
ORDER_ACTIONS: Final[Mapping[ViewerAction, Permission]] = {
    ViewerAction.SEE_NUMBER: Permission.ACCOUNT_NUMBER_READ,
    ViewerAction.CANCEL_STANDING_ORDER: Permission.MONEY_TRANSFER,
}
TICKET_ACTIONS: Final[Mapping[ViewerAction, Permission]] = {
    ViewerAction.REPLY_TO_TICKET: Permission.TICKET_REPLY,
    ViewerAction.ASSIGN_TICKET: Permission.TICKET_ASSIGN,
    ViewerAction.CHANGE_TICKET_STATUS: Permission.TICKET_WORK,
    ViewerAction.ESCALATE_TICKET: Permission.TICKET_ESCALATE,
    ViewerAction.RESOLVE_TICKET: Permission.TICKET_WORK,
    ViewerAction.REOPEN_TICKET: Permission.TICKET_REOPEN,
    ViewerAction.RATE_TICKET: Permission.TICKET_RATE,
}
LOAN_ACTIONS: Final[Mapping[ViewerAction, Permission]] = {
    ViewerAction.SEE_NUMBER: Permission.CUSTOMER_NAME_READ,
    ViewerAction.SEE_CREDIT: Permission.CREDIT_READ,
}


def access(permission: Permission, role: Role, *, strong: bool) -> Access:
    """Say what somebody acting in a role sees of what needs a permission."""
    grant = MATRIX[permission]
    if role in grant.clear:
        return Access.STEP_UP if role in grant.step_up and not strong else Access.CLEAR
    return Access.MASKED if role in grant.masked else Access.DENIED
