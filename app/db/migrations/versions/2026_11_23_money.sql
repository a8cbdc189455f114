-- Accounts and their money: products, holds, payees, standing orders and what is booked.

create table account_product (
    id uuid not null,
    code text not null,
    name text not null,
    name_zh text not null,
    kind text not null
        constraint ck_account_product_kind check (kind in ('DEMAND', 'TIME_DEPOSIT', 'LOAN',
        'INTERNAL')),
    currency text not null
        constraint ck_account_product_currency check (currency in ('CNY', 'CZK', 'EUR', 'GBP',
        'HKD', 'JPY', 'USD')),
    annual_rate numeric(9, 6) not null,
    day_count text not null
        constraint ck_account_product_day_count check (day_count in ('ACT_360', 'ACT_365',
        'THIRTY_360', 'MONTHS_360')),
    interest_posting text not null
        constraint ck_account_product_interest_posting check (interest_posting in ('MONTHLY',
        'QUARTERLY', 'AT_MATURITY')),
    term_months integer,
    minimum numeric default '0.00' not null
        constraint ck_account_product_minimum check (scale(minimum) <= 4 and minimum >= 0),
    transfer_fee numeric default '0.00' not null
        constraint ck_account_product_transfer_fee
            check (scale(transfer_fee) <= 4 and transfer_fee >= 0),
    offered boolean not null,
    rate_source text not null,
    constraint pk_account_product primary key (id),
    constraint ck_account_product_kind_offered check (kind in ('DEMAND', 'TIME_DEPOSIT')),
    constraint ck_account_product_term_given
            check ((kind = 'TIME_DEPOSIT') = (term_months is not null)),
    constraint uq_account_product_code unique (code)
);

alter table account
    add column product_id uuid,
    add column overdraft_limit numeric default '0.00' not null
        constraint ck_account_overdraft_limit
            check (scale(overdraft_limit) <= 4 and overdraft_limit >= 0),
    add column interest_accrued numeric(20, 10) default '0' not null,
    add column accrued_until date,
    add column auto_renewal text default 'NONE' not null
        constraint ck_account_auto_renewal check (auto_renewal in ('NONE', 'PRINCIPAL',
        'PRINCIPAL_AND_INTEREST')),
    add column settlement_account_id uuid,
    add column term_began_on date,
    add constraint fk_account_product_id foreign key (product_id)
        references account_product (id),
    add constraint fk_account_customer_id_settlement_account_id
        foreign key (customer_id, settlement_account_id) references account (customer_id, id);

alter table standing_order
    add column payee_name_ciphertext bytea,
    add column text_ciphertext bytea,
    add column first_on date,
    add column ends_on date,
    add column version integer default '1' not null;

alter table posting
    add column counterparty_name_ciphertext bytea,
    add column text_ciphertext bytea;

create unique index uq_journal_entry_customer_id_reverses_id
    on journal_entry (customer_id, reverses_id) where reverses_id is not null;

create table account_hold (
    customer_id uuid not null,
    id uuid not null,
    account_id uuid not null,
    amount numeric constraint ck_account_hold_amount check (scale(amount) <= 4 and amount > 0),
    currency text not null
        constraint ck_account_hold_currency check (currency in ('CNY', 'CZK', 'EUR', 'GBP', 'HKD',
        'JPY', 'USD')),
    reason text not null
        constraint ck_account_hold_reason check (reason in ('COURT_ORDER', 'INVESTIGATION',
        'LOST_CREDENTIAL', 'CUSTOMER_REQUEST')),
    note_ciphertext bytea,
    placed_by uuid not null,
    placed_at timestamptz not null,
    lifted_at timestamptz,
    constraint pk_account_hold primary key (customer_id, id),
    constraint fk_account_hold_customer_id_account_id foreign key(customer_id,
        account_id) references account (customer_id, id)
);

create index ix_account_hold_customer_id_account_id_id on account_hold (customer_id, account_id, id);

create table daily_outgoing (
    customer_id uuid not null,
    ordered_on date not null,
    currency text not null
        constraint ck_daily_outgoing_currency check (currency in ('CNY', 'CZK', 'EUR', 'GBP',
        'HKD', 'JPY', 'USD')),
    amount numeric not null
        constraint ck_daily_outgoing_amount check (scale(amount) <= 4 and amount > 0),
    constraint pk_daily_outgoing primary key (customer_id, ordered_on, currency),
    constraint fk_daily_outgoing_customer_id foreign key(customer_id) references customer (id)
);

create table payee (
    customer_id uuid not null,
    id uuid not null,
    bank text,
    number_digest bytea not null,
    name_ciphertext bytea,
    number_ciphertext bytea,
    added_at timestamptz not null,
    last_paid_at timestamptz,
    times_paid integer default '0' not null,
    constraint pk_payee primary key (customer_id, id),
    constraint ck_payee_times_paid check (times_paid >= 0),
    constraint fk_payee_customer_id foreign key(customer_id) references customer (id)
);

create unique index uq_payee_customer_id_number_digest_bank
    on payee (customer_id, number_digest, bank) nulls not distinct;

-- A line's kind is its own: of one transfer, money sent and money received.
-- Each look-up goes through an index: what a session planned for a small bank is kept while the
-- bank grows, and a scan of all entries for each statement makes a big load quadratic.
create or replace function check_postings() returns trigger language plpgsql
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

grant select on account_product to app_read;
grant select, insert, update on account_product to app_write, jobs;
alter table account_product enable row level security;
create policy visible on account_product for select to app_read using (
    (select viewer()) is not null
);
create policy written on account_product to app_write using (
    (select viewer()) is not null
);
create policy worked_on on account_product to jobs using (true);

grant select on account_hold to app_read;
grant select, insert, update on account_hold to app_write, jobs;
alter table account_hold enable row level security;
create policy visible on account_hold for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id, account_id)
    )
);
create policy written on account_hold to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id, account_id)
    )
);
create policy worked_on on account_hold to jobs using (true);

grant select on daily_outgoing to app_read;
grant select, insert, update on daily_outgoing to app_write, jobs;
alter table daily_outgoing enable row level security;
create policy visible on daily_outgoing for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on daily_outgoing to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy worked_on on daily_outgoing to jobs using (true);

grant select on payee to app_read;
grant select, insert, update, delete on payee to app_write, jobs;
alter table payee enable row level security;
create policy visible on payee for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on payee to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy worked_on on payee to jobs using (true);
