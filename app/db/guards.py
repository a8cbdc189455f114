"""What guards the tables beside their constraints: grants, triggers and policies, declared.

Alembic compares tables and indexes only. A test compares a dump of a migrated database with one
made from these declarations, so a table without its grants, triggers or policies does not pass.
"""

from collections.abc import Iterator
from typing import Final

from sqlmodel import SQLModel

from app.db import policies, queue, tables
from app.db.master_key import PREFIX_BYTES
from app.db.roles import APP_READ, APP_WRITE, JOBS

APPEND_ONLY: Final = frozenset(
    table.__tablename__
    for table in (
        tables.AuditHead,
        tables.AuditLink,
        tables.AuditRead,
        tables.AuditRecord,
        tables.Consent,
        tables.JournalEntry,
        tables.Posting,
        tables.TicketEvent,
    )
)
# Rows that erasure, merging, a withdrawn right or another plan takes away. Nothing else is ever
# deleted.
DELETABLE: Final = frozenset(
    table.__tablename__
    for table in (
        tables.AccountHolder,
        tables.Assignment,
        tables.ContactIndex,
        tables.CustomerKey,
        tables.HeldAccount,
        tables.NameIndex,
        tables.NationalIdIndex,
        tables.Payee,
        tables.Relationship,
        tables.SegmentMembership,
        tables.ServiceHours,
        tables.SpecialDay,
        tables.StaffQueue,
        tables.StaffRole,
        tables.StaffShift,
        tables.StaffSkill,
    )
)

# Who may do what with the audit trail: what writes records does not read them, and only the
# sequencer gives them their place. The worker alone says how far a day's end has come.
_RIGHTS: Final = {
    tables.AuditHead.__tablename__: ((JOBS, "select, insert"),),
    tables.AuditLink.__tablename__: ((JOBS, "select, insert"),),
    tables.AuditPending.__tablename__: ((APP_WRITE, "insert"), (JOBS, "select, insert, delete")),
    tables.AuditRead.__tablename__: ((APP_WRITE, "insert"), (JOBS, "select, insert")),
    tables.AuditRecord.__tablename__: ((APP_WRITE, "insert"), (JOBS, "select, insert")),
    tables.IdempotencyKey.__tablename__: (
        (APP_WRITE, "select, insert"),
        (JOBS, "select, delete"),
    ),
    tables.BusinessDay.__tablename__: ((JOBS, "select, insert, update"),),
    tables.BusinessDayStep.__tablename__: ((JOBS, "select, insert, update"),),
    tables.InternalBalance.__tablename__: ((JOBS, "select, insert"),),
    tables.OrderPayment.__tablename__: (
        (APP_WRITE, "select"),
        (JOBS, "select, insert, update"),
    ),
    tables.TransferPromise.__tablename__: (
        (APP_WRITE, "select, insert, update, delete"),
        (JOBS, "select, delete"),
    ),
}
# Tables that are kept in a part for each year, and the years whose parts exist; later rows go into
# the part for the rest.
PARTITIONED: Final = (tables.AuditRead.__tablename__, tables.AuditRecord.__tablename__)
_YEARS: Final = range(2026, 2036)

FUNCTIONS: Final = """
create function refuse_change() returns trigger language plpgsql
set search_path = pg_catalog, public, pg_temp as $body$
begin
    raise exception '% is append-only: a correction is a new row', tg_table_name
        using errcode = 'restrict_violation';
end
$body$;

-- Each look-up goes through an index: what a session planned for a small bank is kept while the
-- bank grows, and a scan of all entries for each statement makes a big load quadratic.
create function check_postings() returns trigger language plpgsql
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $body$
declare
    wrong uuid;
begin
    select entry_id into wrong from added group by entry_id, currency having sum(amount) <> 0;
    if found then
        raise exception 'postings of entry % do not sum to zero', wrong
            using errcode = 'check_violation';
    end if;
    select added.id into wrong from added
    left join account on account.customer_id = added.customer_id and account.id = added.account_id
    where account.currency is distinct from added.currency
        or (account.kind = 'INTERNAL') is distinct from (added.balance_after is null);
    if found then
        raise exception 'posting % does not fit its account: currency or balance_after', wrong
            using errcode = 'check_violation';
    end if;
    select added.id into wrong from added where not exists (
        select from journal_entry as entry
        where entry.customer_id = added.entry_customer_id and entry.id = added.entry_id
            and (entry.booked_at, entry.value_on) = (added.booked_at, added.value_on)
    );
    if found then
        raise exception 'posting % belongs to no journal entry of its time', wrong
            using errcode = 'foreign_key_violation';
    end if;
    select entry_id into wrong from added group by entry_id
    having count(*) <> (select count(*) from posting where posting.entry_id = added.entry_id);
    if found then
        raise exception 'entry % has postings already: a correction is a new entry', wrong
            using errcode = 'restrict_violation';
    end if;
    return null;
end
$body$;
"""

# What keeps a rotation of the master key whole (app.db.rotation). Both wait for one that is just
# changing the key, and keep it from changing until the transaction ends: nothing is left behind
# under a key that is about to go.
WRAPPING: Final = f"""
create function wrapping_prefix() returns bytea language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $body$
declare
    known bytea;
begin
    select master into known from key_check for share;
    return substring(known from 1 for {PREFIX_BYTES});
end
$body$;

create function check_wrapping() returns trigger language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $body$
declare
    prefix constant bytea := wrapping_prefix();
begin
    if exists (
        select from added where substring(wrapped_key from 1 for {PREFIX_BYTES}) <> prefix
    ) then
        raise exception 'a customer key is wrapped with another master key than the one in force'
            using errcode = 'check_violation';
    end if;
    return null;
end
$body$;

revoke execute on function check_wrapping() from public;
revoke execute on function wrapping_prefix() from public;
grant execute on function wrapping_prefix() to {APP_WRITE}, {JOBS};
"""

# How many tickets agents have. Whoever gives or takes one locks the agents in the order of their
# ids, after the ticket.
COUNTING: Final = """
create function count_open_tickets() returns trigger language plpgsql
set search_path = pg_catalog, public, pg_temp as $body$
declare
    was uuid;
    becomes uuid;
begin
    if tg_op = 'UPDATE' and old.status not in ('RESOLVED', 'CLOSED') then
        was := old.assignee_id;
    end if;
    if new.status not in ('RESOLVED', 'CLOSED') then
        becomes := new.assignee_id;
    end if;
    if was is distinct from becomes then
        perform from service_agent where staff_id in (was, becomes)
        order by staff_id for no key update;
        update service_agent
        set open_tickets = open_tickets + case when staff_id = becomes then 1 else -1 end
        where staff_id in (was, becomes);
    end if;
    return null;
end
$body$;

create function forget_why_assigned() returns trigger language plpgsql
set search_path = pg_catalog, public, pg_temp as $body$
begin
    new.why_assigned := null;
    return new;
end
$body$;
"""

CALENDARS: Final = f"""
-- The calendar that a queue's tickets are counted on, as app.db.service_calendars reads it.
create function calendar_of_queue(queue text) returns text stable return (
    select json_build_object(
        'zone', calendar.zone,
        'country', calendar.country,
        'week', (
            select json_object_agg(weekday, hours order by weekday) from service_hours
            where calendar_code = calendar.code
        ),
        'special', (
            select json_agg(json_build_array(day_on, kind, follows, hours) order by day_on)
            from special_day where calendar_code = calendar.code
        )
    )
    from service_queue join service_calendar as calendar
        on calendar.code = service_queue.calendar_code
    where service_queue.code = calendar_of_queue.queue
);

{chr(10).join(policies.callable_by_roles("calendar_of_queue(text)"))}
"""

# A temporary table would shadow a real one for whoever looks tables up by name alone.
_NO_TEMPORARY: Final = """
do $$ begin execute format('revoke temporary on database %I from public', current_database());
end $$;
"""
_OF_DATABASE: Final = (
    _NO_TEMPORARY,
    f"grant usage on schema public to {APP_READ}, {APP_WRITE}, {JOBS};",
)


def partitions(table: str) -> Iterator[str]:
    """Give the statements that make a table's parts; nobody has a grant on any."""
    for year in _YEARS:
        yield (
            f"create table {table}_{year} partition of {table}"
            f" for values from ('{year}-01-01 00:00:00+00') to ('{year + 1}-01-01 00:00:00+00');"
        )
        yield f"alter table {table}_{year} enable row level security;"
    yield f"create table {table}_rest partition of {table} default;"
    yield f"alter table {table}_rest enable row level security;"


def triggers(table: str) -> Iterator[str]:
    """Give the triggers of one table."""
    if table in APPEND_ONLY:
        yield (
            f"create trigger append_only before update or delete on {table}"
            " for each row execute function refuse_change();"
        )
        yield (
            f"create trigger append_only_truncate before truncate on {table}"
            " for each statement execute function refuse_change();"
        )
    if table == tables.Posting.__tablename__:
        # One set-based check per statement: an entry's postings are always inserted together.
        yield (
            "create trigger balanced after insert on posting referencing new table as added"
            " for each statement execute function check_postings();"
        )
    if table == tables.CustomerKey.__tablename__:
        yield (
            "create trigger wrapped after insert on customer_key referencing new table as added"
            " for each statement execute function check_wrapping();"
        )
    if table == tables.Ticket.__tablename__:
        yield (
            "create trigger counted after insert or update of assignee_id, status on ticket"
            " for each row execute function count_open_tickets();"
        )
        # Reasons are those of who has it now; routing writes its own after it has assigned.
        yield (
            "create trigger reasoned before update of assignee_id on ticket for each row"
            " when (new.assignee_id is distinct from old.assignee_id)"
            " execute function forget_why_assigned();"
        )


def grants(table: str) -> Iterator[str]:
    """Give what the roles may do with one table."""
    if table not in policies.CLOSED | policies.UNREAD:
        yield f"grant select on {table} to {APP_READ};"
    if table in _RIGHTS:
        for role, rights in _RIGHTS[table]:
            yield f"grant {rights} on {table} to {role};"
    elif table not in policies.CLOSED:
        usual = ["select", "insert"]
        if table not in APPEND_ONLY:
            usual.append("update")
        if table in DELETABLE:
            usual.append("delete")
        yield f"grant {', '.join(usual)} on {table} to {APP_WRITE}, {JOBS};"


def statements() -> list[str]:
    """Give the SQL that guards freshly created tables, in order."""
    names = sorted(SQLModel.metadata.tables)
    return [
        queue.INSTALL,
        FUNCTIONS,
        WRAPPING,
        COUNTING,
        CALENDARS,
        *(line for name in PARTITIONED for line in partitions(name)),
        *(line for name in names for line in triggers(name)),
        *_OF_DATABASE,
        *(line for name in names for line in grants(name)),
        *policies.statements(),
    ]
