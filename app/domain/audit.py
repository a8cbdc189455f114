"""The audit trail: what its records are about."""

from app.domain.closed_set import ClosedSet


class AuditKind(ClosedSet):
    """What an audit record tells."""

    WRITE = "WRITE", "Somebody changed something."
    READ = "READ", "Personal data or the audit trail itself was shown."


class AuditFault(ClosedSet):
    """How a row of the audit trail is broken."""

    ALTERED = "ALTERED", "Something in it is not what was written."
    REMOVED = "REMOVED", "It was taken away."
    SWAPPED = "SWAPPED", "It stands in the place of another."
    INSERTED = "INSERTED", "It was never written by the bank."
    FORGED = "FORGED", "A head that the bank's key did not sign, or signed over another chain."


class ServiceEvidence(ClosedSet):
    """How the person at the counter or on the line was recognised."""

    IDENTITY_DOCUMENT = "IDENTITY_DOCUMENT", "An identity document was shown."
    BANK_CARD = "BANK_CARD", "A card of the bank with its PIN."
    CALL_BACK = "CALL_BACK", "A call back to the number on record."
    SECURITY_QUESTIONS = "SECURITY_QUESTIONS", "Questions that only the customer can answer."


class ServiceReason(ClosedSet):
    """What a service that was begun is for."""

    WALK_IN = "WALK_IN", "The customer came to the counter."
    CALL = "CALL", "The customer called."
    MESSAGE = "MESSAGE", "The customer wrote."
    ON_BEHALF = "ON_BEHALF", "Somebody with the customer's authority asks."


class RevealReason(ClosedSet):
    """Why somebody needs to see a value that is masked."""

    CONTACT_CUSTOMER = "CONTACT_CUSTOMER", "To reach the customer."
    VERIFY_IDENTITY = "VERIFY_IDENTITY", "To compare with what the customer shows or says."
    CORRECT_DATA = "CORRECT_DATA", "To correct what is recorded."
    LEGAL_DUTY = "LEGAL_DUTY", "A law or an authority demands it."
    INVESTIGATION = "INVESTIGATION", "To look into suspected fraud or a complaint."


class ErasureReason(ClosedSet):
    """Why a customer's personal data is destroyed."""

    CUSTOMER_REQUEST = "CUSTOMER_REQUEST", "The person asks for it."
    RETENTION_ENDED = "RETENTION_ENDED", "The time for which it must be kept is over."
    COURT_ORDER = "COURT_ORDER", "A court or an authority orders it, whatever must be kept."


class ConsentPurpose(ClosedSet):
    """What a customer may allow the bank to do, beyond what the contract needs."""

    MARKETING_SMS = "MARKETING_SMS", "Offers by text message."
    MARKETING_EMAIL = "MARKETING_EMAIL", "Offers by e-mail."
    MARKETING_PHONE = "MARKETING_PHONE", "Offers by telephone."
    PROFILING = "PROFILING", "Recommendations from the customer's own behaviour."
    AUTOMATED_DECISIONS = "AUTOMATED_DECISIONS", "Decisions that no person takes part in."
    DATA_SHARING = "DATA_SHARING", "Passing data to partners of the bank."


class LookUpValue(ClosedSet):
    """What a customer was found by, in a look-up by one complete value."""

    NUMBER = "NUMBER", "The customer number."
    NATIONAL_ID = "NATIONAL_ID", "The national identity number."
    PHONE = "PHONE", "A telephone number."
    EMAIL = "EMAIL", "An e-mail address."
    ACCOUNT_NUMBER = "ACCOUNT_NUMBER", "The number of an account."
