"""Posts of the bank."""

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
