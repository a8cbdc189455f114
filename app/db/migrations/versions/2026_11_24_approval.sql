-- Requests for a second person.

create table approval (
    customer_id uuid not null,
    id uuid not null,
    command text not null,
    reason text not null constraint ck_approval_reason check (reason in ('ALWAYS', 'ABOVE_LIMIT')),
    state text not null
        constraint ck_approval_state check (state in ('PENDING', 'APPROVED', 'REJECTED',
        'WITHDRAWN', 'EXPIRED', 'STALE')),
    maker_id uuid not null,
    maker_role text not null
        constraint ck_approval_maker_role check (maker_role in ('CUSTOMER', 'TELLER',
        'RELATIONSHIP_MANAGER', 'WEALTH_ADVISOR', 'SERVICE_AGENT', 'LOAN_OFFICER',
        'BRANCH_MANAGER', 'RISK_OFFICER', 'MARKETER', 'ANALYST', 'EXECUTIVE', 'COMPLIANCE',
        'ADMIN')),
    required_roles text[] not null,
    base text not null,
    payload_ciphertext bytea not null,
    diff_ciphertext bytea not null,
    requested_at timestamptz not null,
    expires_at timestamptz not null,
    decided_at timestamptz,
    decided_by uuid,
    decided_role text
        constraint ck_approval_decided_role check (decided_role in ('CUSTOMER', 'TELLER',
        'RELATIONSHIP_MANAGER', 'WEALTH_ADVISOR', 'SERVICE_AGENT', 'LOAN_OFFICER',
        'BRANCH_MANAGER', 'RISK_OFFICER', 'MARKETER', 'ANALYST', 'EXECUTIVE', 'COMPLIANCE',
        'ADMIN')),
    answer_ciphertext bytea,
    fresh_diff_ciphertext bytea,
    result_prefix text,
    result_owner uuid,
    result_id uuid,
    version integer default '1' not null,
    constraint pk_approval primary key (customer_id, id),
    constraint ck_approval_version check (version > 0),
    constraint ck_approval_expires_at check (expires_at > requested_at),
    constraint ck_approval_required_roles check (cardinality(required_roles) > 0),
    constraint ck_approval_decided_at check ((state = 'PENDING') = (decided_at is null)),
    constraint ck_approval_decided_by check (state not in ('APPROVED', 'REJECTED',
        'WITHDRAWN') or decided_by is not null),
    constraint ck_approval_four_eyes check (decided_by is null
        or (decided_by = maker_id) = (state = 'WITHDRAWN')),
    constraint fk_approval_customer_id foreign key(customer_id) references customer (id)
);

create index ix_approval_customer_id_requested_at_id on approval (customer_id, requested_at, id);

create index ix_approval_expires_at_id on approval (expires_at, id);

create index ix_approval_maker_id_requested_at_id on approval (maker_id, requested_at, id);

create index ix_approval_requested_at_id on approval (requested_at, id);

create index ix_approval_state_expires_at_id on approval (state, expires_at, id);

create index ix_approval_state_requested_at_id on approval (state, requested_at, id);

grant select on approval to app_read;
grant select, insert, update on approval to app_write, jobs;
alter table approval enable row level security;
create policy visible on approval for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    ) and (
        maker_id = (select coalesce(viewer() ->> 'staff', viewer() ->> 'customer')::uuid)
        or (select viewer() ->> 'role') = any (required_roles)
    )
);
create policy written on approval to app_write using (
    (select viewer()) is not null
);
create policy worked_on on approval to jobs using (true);
