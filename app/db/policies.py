"""Row-level security: which rows the roles of requests and jobs may see and change, declared.

Who is asking stands in the connection's setting ``bank360.viewer``: a JSON object with ``scope``
and ``role`` and, of ``customer`` and ``staff``, the id of the person (see app.db.scope). A
connection without it sees no row. What is decided here and why: docs/decisions/0012.
"""

from collections.abc import Iterator
from typing import Final

from sqlmodel import SQLModel

from app.auth.permissions import Role
from app.auth.scopes import DAYS_AFTER_CLOSING
from app.db import tables
from app.db.bank_itself import BANK_ID
from app.db.roles import APP_READ, APP_WRITE, JOBS
from app.db.viewer_setting import VIEWER_SETTING

# Whom viewer_serves was asked about last and when, where it said yes; gone with the transaction.
SERVED_SETTING: Final = "bank360.served"

# Only the owner reads these.
CLOSED: Final = frozenset({tables.KeyCheck.__tablename__})
# What the unit of work, the sequencer and the worker keep for themselves.
UNREAD: Final = frozenset(
    table.__tablename__
    for table in (
        tables.AuditPending,
        tables.BusinessDay,
        tables.BusinessDayStep,
        tables.IdempotencyKey,
        tables.InternalBalance,
        tables.TransferPromise,
    )
)
_OF_AUDIT: Final = frozenset(
    table.__tablename__
    for table in (tables.AuditHead, tables.AuditLink, tables.AuditRead, tables.AuditRecord)
)
# Rows that belong to nobody: any viewer may see them.
_SHARED: Final = frozenset(
    table.__tablename__
    for table in (
        tables.AccountProduct,
        tables.Branch,
        tables.BusinessDate,
        tables.Product,
        tables.ProductPrice,
        tables.Segment,
        tables.ServiceCalendar,
        tables.ServiceHours,
        tables.ServiceQueue,
        tables.ServiceTarget,
        tables.SpecialDay,
    )
)
_OF_STAFF: Final = frozenset(
    table.__tablename__
    for table in (
        tables.ServiceAgent,
        tables.StaffQueue,
        tables.StaffRole,
        tables.StaffShift,
        tables.StaffSkill,
    )
)
# What the unit of work locks and writes for any customer: a payee, somebody who becomes one, a
# ticket that leaves the queue by which its customer was in scope, or that an account's joint holder
# brings about; the agent whom it goes to.
_WRITTEN_FOR_ANYBODY: Final = frozenset(
    table.__tablename__
    for table in (
        tables.Account,
        tables.AccountHolder,
        tables.AccountNumberIndex,
        tables.Approval,
        tables.Assignment,
        tables.BegunService,
        tables.ContactIndex,
        tables.Customer,
        tables.CustomerKey,
        tables.CustomerNumber,
        tables.HeldAccount,
        tables.JournalEntry,
        tables.NameIndex,
        tables.NationalIdIndex,
        tables.Posting,
        tables.Staff,
        tables.Ticket,
        tables.TicketEvent,
        tables.TicketNumber,
    )
)

_KNOWN: Final = "(select viewer()) is not null"
_STAFF: Final = "(select viewer() ->> 'staff') is not null"
_ALL: Final = "(select viewer() ->> 'scope') = 'ALL'"
_AUDITS: Final = f"(select viewer() ->> 'role') = '{Role.COMPLIANCE.value}'"
_ONESELF: Final = "(select (viewer() ->> 'customer')::uuid)"
_MOMENT: Final = "(select viewer_moment())"
_REMEMBERED: Final = f"current_setting('{SERVED_SETTING}', true)"

# Rows of tables that themselves say whether their customer is in scope are told without a call.
_AT_A_GLANCE: Final = {
    tables.Assignment.__tablename__: (
        "(select viewer() ->> 'scope') = 'ASSIGNED'"
        " and staff_id = (select (viewer() ->> 'staff')::uuid)"
        " and role = (select viewer() ->> 'role')"
    ),
    tables.Customer.__tablename__: "branch_id = (select viewer_branch())",
    tables.Ticket.__tablename__: (
        "queue = any ((select viewer_queues())::text[])"
        " and (status <> 'CLOSED' or closed_at >= (select closed_of_late()))"
    ),
}
# Who uses an account sees the account, not its owner's other rows. What is stored in it is read
# with the owner's key.
_HELD: Final = {
    tables.Account.__tablename__: "viewer_holds(customer_id, id)",
    tables.AccountHold.__tablename__: "viewer_holds(customer_id, account_id)",
    tables.AccountHolder.__tablename__: f"holder_id = {_ONESELF} or viewer_serves(holder_id)",
    tables.AccountNumberIndex.__tablename__: "viewer_holds(customer_id, account_id)",
    tables.CustomerKey.__tablename__: "viewer_holds(customer_id)",
    tables.Posting.__tablename__: "viewer_holds(customer_id, account_id)",
    tables.StandingOrder.__tablename__: "viewer_holds(customer_id, account_id)",
}
# What is not for everybody who sees the customer: a request is its maker's and its checkers'.
_NARROWED: Final = {
    tables.Approval.__tablename__: (
        "maker_id = (select coalesce(viewer() ->> 'staff', viewer() ->> 'customer')::uuid)"
        "\n        or (select viewer() ->> 'role') = any (required_roles)"
    ),
}
# What customers do not see of their own rows.
_KEPT_FROM_CUSTOMERS: Final = {
    tables.TicketComment.__tablename__: "internal",
    tables.TicketEvent.__tablename__: "internal",
}

# All that viewer_serves depends on beside the customer: who is asking, the time, and what is
# committed. A transaction that has written also sees rows that no snapshot tells of.
MOMENT: Final = f"""
create function viewer_moment() returns text stable
return case when pg_current_xact_id_if_assigned() is null then
    pg_current_snapshot() || ' ' || now() || ' ' || current_setting('{VIEWER_SETTING}', true)
end;

-- Remember that the viewer sees a customer, until the transaction ends or the next one is seen.
create function viewer_remembers(moment text, customer uuid) returns boolean language plpgsql stable
as $body$
begin
    return set_config('{SERVED_SETTING}', moment || customer, true) is not null;
end
$body$;
"""

# What a member of staff began for a customer counts beside what the post sees anyway.
SERVES: Final = """
-- Whether a member of staff who does not see everybody sees this customer.
create or replace function viewer_serves(customer uuid) returns boolean language plpgsql stable
security definer set search_path = pg_catalog, public, pg_temp as $body$
declare
    known constant jsonb := viewer();
    person constant uuid := known ->> 'staff';
    served boolean;
begin
    case known ->> 'scope'
    when 'ASSIGNED' then
        served := exists (
            select from assignment where assignment.customer_id = viewer_serves.customer
                and assignment.role = known ->> 'role' and assignment.staff_id = person
        );
    when 'QUEUE' then
        served := exists (
            select from ticket
            where ticket.customer_id = viewer_serves.customer
                and (ticket.status <> 'CLOSED' or ticket.closed_at >= closed_of_late())
                and exists (
                    select from staff_queue
                    where staff_queue.staff_id = person and staff_queue.queue = ticket.queue
                )
        );
    when 'BRANCH' then
        served := exists (
            select from customer as theirs join staff on staff.branch_id = theirs.branch_id
            where theirs.id = viewer_serves.customer and staff.id = person
        );
    else
        return false;
    end case;
    if not served then
        served := exists (
            select from begun_service
            where begun_service.customer_id = viewer_serves.customer
                and begun_service.staff_id = person and begun_service.role = known ->> 'role'
                and begun_service.ends_at > now()
        );
    end if;
    if served then
        return viewer_remembers(viewer_moment(), viewer_serves.customer);
    end if;
    return false;
end
$body$;
"""

# The unit of work locks rows as a role that sees everybody's, so it asks this beside.
SEES: Final = f"""
create function viewer_sees(customer uuid) returns boolean language plpgsql stable
security definer set search_path = pg_catalog, public, pg_temp as $body$
begin
    return viewer_sees.customer <> '{BANK_ID}' and (
        viewer() ->> 'scope' = 'ALL'
        or viewer_sees.customer = (viewer() ->> 'customer')::uuid
        or viewer_serves(viewer_sees.customer)
    );
end
$body$;
"""

# Any fixed number that no other use of advisory locks in this database takes.
BUSINESS_DAY_LOCK: Final = 360_360
# Whoever books shares this lock until the transaction ends, and the end of a day waits for all who
# do: nothing of a day is booked once it is over. A function, because its second statement has to
# see what was committed while the first one waited.
BOOKING_DATE: Final = f"""
create function booking_date() returns date language plpgsql volatile
set search_path = pg_catalog, public, pg_temp as $body$
begin
    perform pg_advisory_xact_lock_shared({BUSINESS_DAY_LOCK});
    return coalesce((select current_on from business_date), current_date);
end
$body$;
"""

# The owner's functions read past the policies: those of customer, assignment and ticket would
# otherwise have to read each other, which PostgreSQL refuses as infinite recursion. None tells
# anything but whether the viewer of this very connection may see a customer.
FUNCTIONS: Final = f"""
create function viewer() returns jsonb stable parallel safe
return nullif(current_setting('{VIEWER_SETTING}', true), '')::jsonb;

{MOMENT}
create function closed_of_late() returns timestamptz stable parallel safe
return (coalesce((select current_on from business_date), current_date)
    - {DAYS_AFTER_CLOSING})::timestamp at time zone 'UTC';

{BOOKING_DATE}
create function viewer_branch() returns uuid language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp as $body$
begin
    return (
        select branch_id from staff
        where viewer() ->> 'scope' = 'BRANCH' and id = (viewer() ->> 'staff')::uuid
    );
end
$body$;

create function viewer_queues() returns text[] language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp as $body$
begin
    return array(
        select queue from staff_queue
        where viewer() ->> 'scope' = 'QUEUE' and staff_id = (viewer() ->> 'staff')::uuid
    );
end
$body$;

{SERVES}
-- Whether somebody whom the viewer sees uses this owner's account, or any account of the owner's.
create function viewer_holds(owner uuid, account uuid default null) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $body$
begin
    return exists (
        select from account_holder as link
        where link.customer_id = viewer_holds.owner
            and (viewer_holds.account is null or link.account_id = viewer_holds.account)
            and (link.holder_id = (viewer() ->> 'customer')::uuid or viewer_serves(link.holder_id))
    );
end
$body$;

{SEES}
create function viewer_is_managed_by(staff uuid) returns boolean language plpgsql stable
security definer set search_path = pg_catalog, public, pg_temp as $body$
begin
    return exists (
        select from assignment
        where assignment.customer_id = (viewer() ->> 'customer')::uuid
            and assignment.role = 'RELATIONSHIP_MANAGER'
            and assignment.staff_id = viewer_is_managed_by.staff
    );
end
$body$;
"""
_CALLED: Final = (
    "viewer()",
    "viewer_moment()",
    "viewer_remembers(text, uuid)",
    "booking_date()",
    "closed_of_late()",
    "viewer_branch()",
    "viewer_queues()",
    "viewer_serves(uuid)",
    "viewer_holds(uuid, uuid)",
    "viewer_sees(uuid)",
    "viewer_is_managed_by(uuid)",
)


def _in_scope(table: str) -> str:
    """Give the condition on the rows of a customer-owned table, cheapest alternatives first.

    One condition instead of a policy for each scope: policies are tried in an order that
    PostgreSQL does not promise, and each brings sub-plans of its own to plan.
    """
    owner = "id" if table == tables.Customer.__tablename__ else "customer_id"
    oneself = f"{owner} = {_ONESELF}"
    if table in _KEPT_FROM_CUSTOMERS:
        oneself = f"{oneself} and not {_KEPT_FROM_CUSTOMERS[table]}"
    alternatives = [_ALL, f"{_MOMENT} || {owner} = {_REMEMBERED}", oneself]
    if table in _AT_A_GLANCE:
        # So that what hangs below the row costs no call either. Of "a and b", b is evaluated where
        # a is null, too; remembering must not be.
        remembers = f"viewer_remembers({_MOMENT}, {owner})"
        alternatives.append(f"case when {_AT_A_GLANCE[table]}\n            then {remembers} end")
    alternatives.append(f"viewer_serves({owner})")
    if table in _HELD:
        alternatives.append(_HELD[table])
    joined = "\n        or ".join(alternatives)
    # The bank itself is nobody's customer.
    found = f"{owner} <> '{BANK_ID}' and (\n        {joined}\n    )"
    return f"{found} and (\n        {_NARROWED[table]}\n    )" if table in _NARROWED else found


def _visible(table: str) -> str:
    if table in _SHARED:
        return _KNOWN
    if table in _OF_AUDIT:
        return _AUDITS
    if table in _OF_STAFF:
        return _STAFF
    if table == tables.Staff.__tablename__:
        return f"{_STAFF} or viewer_is_managed_by(id)"
    return _in_scope(table)


def of_table(table: str) -> Iterator[str]:
    """Give the policies of one table."""
    yield f"alter table {table} enable row level security;"
    if table in CLOSED:
        return
    seen = _visible(table)
    if table not in UNREAD:
        yield f"create policy visible on {table} for select to {APP_READ} using (\n    {seen}\n);"
    # Of the audit tables, grants say what each role may do; whom a record names does not matter.
    written = seen
    if table in _OF_AUDIT | UNREAD:
        written = "true"
    elif table in _WRITTEN_FOR_ANYBODY | _SHARED | _OF_STAFF:
        written = _KNOWN
    yield f"create policy written on {table} to {APP_WRITE} using (\n    {written}\n);"
    yield f"create policy worked_on on {table} to {JOBS} using (true);"


def callable_by_roles(function: str) -> Iterator[str]:
    """Let the application's roles call a function, and nobody else."""
    yield f"revoke execute on function {function} from public;"
    yield f"grant execute on function {function} to {APP_READ}, {APP_WRITE}, {JOBS};"


def statements() -> Iterator[str]:
    """Give the functions and policies, in order."""
    yield FUNCTIONS
    for function in _CALLED:
        yield from callable_by_roles(function)
    for table in sorted(SQLModel.metadata.tables):
        yield from of_table(table)
