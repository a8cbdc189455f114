-- What transfers are asked for: promises, codes, and what new payees are paid on a day.

alter table daily_outgoing
    add column to_new numeric default '0.00' not null
        constraint ck_daily_outgoing_to_new check (scale(to_new) <= 4 and to_new >= 0);

create table transfer_promise (
    actor_id uuid not null,
    id uuid not null,
    valid_until timestamptz not null,
    code_digest bytea,
    sent_at timestamptz,
    wrong_codes integer default '0' not null,
    used_at timestamptz,
    constraint pk_transfer_promise primary key (actor_id, id),
    constraint ck_transfer_promise_code_sent check ((sent_at is null) = (code_digest is null)),
    constraint ck_transfer_promise_wrong_codes check (wrong_codes >= 0)
);

create index ix_transfer_promise_valid_until on transfer_promise (valid_until);

grant select, insert, update, delete on transfer_promise to app_write;
grant select, delete on transfer_promise to jobs;
alter table transfer_promise enable row level security;
create policy written on transfer_promise to app_write using (
    true
);
create policy worked_on on transfer_promise to jobs using (true);
