-- The audit trail, keys that make writes safe, begun services, consents, and erasure.

alter table customer add column erased_at timestamptz;

create table audit_head (
    position bigint not null,
    hash bytea not null,
    signed_at timestamptz not null,
    signature bytea not null,
    constraint pk_audit_head primary key (position)
);

create table audit_link (
    position bigint not null,
    recorded_at timestamptz not null,
    record_id uuid not null,
    record_mac bytea not null,
    hash bytea not null,
    constraint pk_audit_link primary key (position),
    constraint ck_audit_link_position check (position > 0)
);

create unique index ix_audit_link_record_id on audit_link (record_id);

create table audit_pending (
    serial bigint generated always as identity,
    recorded_at timestamptz not null,
    record_id uuid not null,
    constraint pk_audit_pending primary key (serial)
);

create table audit_read (
    customer_id uuid not null,
    recorded_at timestamptz not null,
    id uuid not null,
    record_id uuid not null,
    actor_id uuid not null,
    role text not null
        constraint ck_audit_read_role check (role in ('CUSTOMER', 'TELLER',
        'RELATIONSHIP_MANAGER', 'WEALTH_ADVISOR', 'SERVICE_AGENT', 'LOAN_OFFICER',
        'BRANCH_MANAGER', 'RISK_OFFICER', 'MARKETER', 'ANALYST', 'EXECUTIVE', 'COMPLIANCE',
        'ADMIN')),
    operation text,
    fields text[] not null,
    request_id text,
    constraint pk_audit_read primary key (customer_id, recorded_at, id)
)
 partition by range (recorded_at);

create index ix_audit_read_actor_id_recorded_at_id on audit_read (actor_id, recorded_at, id);

create index ix_audit_read_recorded_at_id on audit_read (recorded_at, id);

create table audit_record (
    recorded_at timestamptz not null,
    id uuid not null,
    kind text not null constraint ck_audit_record_kind check (kind in ('WRITE', 'READ')),
    actor_id uuid,
    role text
        constraint ck_audit_record_role check (role in ('CUSTOMER', 'TELLER',
        'RELATIONSHIP_MANAGER', 'WEALTH_ADVISOR', 'SERVICE_AGENT', 'LOAN_OFFICER',
        'BRANCH_MANAGER', 'RISK_OFFICER', 'MARKETER', 'ANALYST', 'EXECUTIVE', 'COMPLIANCE',
        'ADMIN')),
    command text not null,
    payload_hash bytea,
    customer_id uuid,
    subject_prefix text,
    subject_id uuid,
    event text,
    fields text[] not null,
    detail_ciphertext bytea,
    reads_hash bytea,
    request_id text,
    mac bytea not null,
    constraint pk_audit_record primary key (recorded_at, id)
)
 partition by range (recorded_at);

create index ix_audit_record_actor_id_recorded_at_id on audit_record (actor_id, recorded_at, id);

create index ix_audit_record_customer_id_recorded_at_id
    on audit_record (customer_id, recorded_at, id);

create index ix_audit_record_id on audit_record (id) where kind = 'WRITE';

create index ix_audit_record_recorded_at_id on audit_record (recorded_at, id) where kind = 'WRITE';

create table begun_service (
    customer_id uuid not null,
    id uuid not null,
    staff_id uuid not null,
    role text not null
        constraint ck_begun_service_role check (role in ('CUSTOMER', 'TELLER',
        'RELATIONSHIP_MANAGER', 'WEALTH_ADVISOR', 'SERVICE_AGENT', 'LOAN_OFFICER',
        'BRANCH_MANAGER', 'RISK_OFFICER', 'MARKETER', 'ANALYST', 'EXECUTIVE', 'COMPLIANCE',
        'ADMIN')),
    reason text not null
        constraint ck_begun_service_reason check (reason in ('WALK_IN', 'CALL', 'MESSAGE',
        'ON_BEHALF')),
    evidence text not null
        constraint ck_begun_service_evidence check (evidence in ('IDENTITY_DOCUMENT', 'BANK_CARD',
        'CALL_BACK', 'SECURITY_QUESTIONS')),
    begun_at timestamptz not null,
    ends_at timestamptz not null,
    constraint pk_begun_service primary key (customer_id, id),
    constraint ck_begun_service_ends_at check (ends_at > begun_at),
    constraint fk_begun_service_customer_id foreign key(customer_id) references customer (id),
    constraint fk_begun_service_staff_id foreign key(staff_id) references staff (id)
);

create index ix_begun_service_staff_id_role_ends_at on begun_service (staff_id, role, ends_at);

create table consent (
    customer_id uuid not null,
    id uuid not null,
    purpose text not null
        constraint ck_consent_purpose check (purpose in ('MARKETING_SMS', 'MARKETING_EMAIL',
        'MARKETING_PHONE', 'PROFILING', 'AUTOMATED_DECISIONS', 'DATA_SHARING')),
    granted boolean not null,
    channel text not null
        constraint ck_consent_channel check (channel in ('BRANCH', 'PHONE', 'SMS', 'EMAIL', 'WEB',
        'MOBILE', 'POST', 'FAX', 'REFERRAL')),
    staff_id uuid,
    recorded_at timestamptz not null,
    constraint pk_consent primary key (customer_id, id),
    constraint fk_consent_customer_id foreign key(customer_id) references customer (id),
    constraint fk_consent_staff_id foreign key(staff_id) references staff (id)
);

create index ix_consent_customer_id_recorded_at_id on consent (customer_id, recorded_at, id);

create table idempotency_key (
    actor_id uuid not null,
    key text not null,
    command text not null,
    payload_hash bytea not null,
    recorded_at timestamptz not null,
    result_prefix text,
    result_owner uuid,
    result_id uuid,
    problem text,
    constraint pk_idempotency_key primary key (actor_id, key),
    constraint ck_idempotency_key_one_outcome check ((problem is null) = (result_id is not null))
);

create index ix_idempotency_key_recorded_at on idempotency_key (recorded_at);

create table audit_read_2026 partition of audit_read for values from ('2026-01-01 00:00:00+00') to ('2027-01-01 00:00:00+00');
alter table audit_read_2026 enable row level security;
create table audit_read_2027 partition of audit_read for values from ('2027-01-01 00:00:00+00') to ('2028-01-01 00:00:00+00');
alter table audit_read_2027 enable row level security;
create table audit_read_2028 partition of audit_read for values from ('2028-01-01 00:00:00+00') to ('2029-01-01 00:00:00+00');
alter table audit_read_2028 enable row level security;
create table audit_read_2029 partition of audit_read for values from ('2029-01-01 00:00:00+00') to ('2030-01-01 00:00:00+00');
alter table audit_read_2029 enable row level security;
create table audit_read_2030 partition of audit_read for values from ('2030-01-01 00:00:00+00') to ('2031-01-01 00:00:00+00');
alter table audit_read_2030 enable row level security;
create table audit_read_2031 partition of audit_read for values from ('2031-01-01 00:00:00+00') to ('2032-01-01 00:00:00+00');
alter table audit_read_2031 enable row level security;
create table audit_read_2032 partition of audit_read for values from ('2032-01-01 00:00:00+00') to ('2033-01-01 00:00:00+00');
alter table audit_read_2032 enable row level security;
create table audit_read_2033 partition of audit_read for values from ('2033-01-01 00:00:00+00') to ('2034-01-01 00:00:00+00');
alter table audit_read_2033 enable row level security;
create table audit_read_2034 partition of audit_read for values from ('2034-01-01 00:00:00+00') to ('2035-01-01 00:00:00+00');
alter table audit_read_2034 enable row level security;
create table audit_read_2035 partition of audit_read for values from ('2035-01-01 00:00:00+00') to ('2036-01-01 00:00:00+00');
alter table audit_read_2035 enable row level security;
create table audit_read_rest partition of audit_read default;
alter table audit_read_rest enable row level security;
create table audit_record_2026 partition of audit_record for values from ('2026-01-01 00:00:00+00') to ('2027-01-01 00:00:00+00');
alter table audit_record_2026 enable row level security;
create table audit_record_2027 partition of audit_record for values from ('2027-01-01 00:00:00+00') to ('2028-01-01 00:00:00+00');
alter table audit_record_2027 enable row level security;
create table audit_record_2028 partition of audit_record for values from ('2028-01-01 00:00:00+00') to ('2029-01-01 00:00:00+00');
alter table audit_record_2028 enable row level security;
create table audit_record_2029 partition of audit_record for values from ('2029-01-01 00:00:00+00') to ('2030-01-01 00:00:00+00');
alter table audit_record_2029 enable row level security;
create table audit_record_2030 partition of audit_record for values from ('2030-01-01 00:00:00+00') to ('2031-01-01 00:00:00+00');
alter table audit_record_2030 enable row level security;
create table audit_record_2031 partition of audit_record for values from ('2031-01-01 00:00:00+00') to ('2032-01-01 00:00:00+00');
alter table audit_record_2031 enable row level security;
create table audit_record_2032 partition of audit_record for values from ('2032-01-01 00:00:00+00') to ('2033-01-01 00:00:00+00');
alter table audit_record_2032 enable row level security;
create table audit_record_2033 partition of audit_record for values from ('2033-01-01 00:00:00+00') to ('2034-01-01 00:00:00+00');
alter table audit_record_2033 enable row level security;
create table audit_record_2034 partition of audit_record for values from ('2034-01-01 00:00:00+00') to ('2035-01-01 00:00:00+00');
alter table audit_record_2034 enable row level security;
create table audit_record_2035 partition of audit_record for values from ('2035-01-01 00:00:00+00') to ('2036-01-01 00:00:00+00');
alter table audit_record_2035 enable row level security;
create table audit_record_rest partition of audit_record default;
alter table audit_record_rest enable row level security;

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
    return served or exists (
        select from begun_service
        where begun_service.customer_id = viewer_serves.customer
            and begun_service.staff_id = person and begun_service.role = known ->> 'role'
            and begun_service.ends_at > now()
    );
end
$body$;

create function viewer_sees(customer uuid) returns boolean language plpgsql stable
security definer set search_path = pg_catalog, public, pg_temp as $body$
begin
    return viewer_sees.customer <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        viewer() ->> 'scope' = 'ALL'
        or viewer_sees.customer = (viewer() ->> 'customer')::uuid
        or viewer_serves(viewer_sees.customer)
    );
end
$body$;

revoke execute on function viewer_sees(uuid) from public;
grant execute on function viewer_sees(uuid) to app_read, app_write, jobs;

create trigger append_only before update or delete on audit_head
    for each row execute function refuse_change();
create trigger append_only_truncate before truncate on audit_head
    for each statement execute function refuse_change();
grant select on audit_head to app_read;
grant select, insert on audit_head to jobs;
alter table audit_head enable row level security;
create policy visible on audit_head for select to app_read using (
    (select viewer() ->> 'role') = 'COMPLIANCE'
);
create policy written on audit_head to app_write using (
    true
);
create policy worked_on on audit_head to jobs using (true);

create trigger append_only before update or delete on audit_link
    for each row execute function refuse_change();
create trigger append_only_truncate before truncate on audit_link
    for each statement execute function refuse_change();
grant select on audit_link to app_read;
grant select, insert on audit_link to jobs;
alter table audit_link enable row level security;
create policy visible on audit_link for select to app_read using (
    (select viewer() ->> 'role') = 'COMPLIANCE'
);
create policy written on audit_link to app_write using (
    true
);
create policy worked_on on audit_link to jobs using (true);

grant insert on audit_pending to app_write;
grant select, insert, delete on audit_pending to jobs;
alter table audit_pending enable row level security;
create policy written on audit_pending to app_write using (
    true
);
create policy worked_on on audit_pending to jobs using (true);

create trigger append_only before update or delete on audit_read
    for each row execute function refuse_change();
create trigger append_only_truncate before truncate on audit_read
    for each statement execute function refuse_change();
grant select on audit_read to app_read;
grant insert on audit_read to app_write;
grant select, insert on audit_read to jobs;
alter table audit_read enable row level security;
create policy visible on audit_read for select to app_read using (
    (select viewer() ->> 'role') = 'COMPLIANCE'
);
create policy written on audit_read to app_write using (
    true
);
create policy worked_on on audit_read to jobs using (true);

create trigger append_only before update or delete on audit_record
    for each row execute function refuse_change();
create trigger append_only_truncate before truncate on audit_record
    for each statement execute function refuse_change();
grant select on audit_record to app_read;
grant insert on audit_record to app_write;
grant select, insert on audit_record to jobs;
alter table audit_record enable row level security;
create policy visible on audit_record for select to app_read using (
    (select viewer() ->> 'role') = 'COMPLIANCE'
);
create policy written on audit_record to app_write using (
    true
);
create policy worked_on on audit_record to jobs using (true);

grant select on begun_service to app_read;
grant select, insert, update on begun_service to app_write, jobs;
alter table begun_service enable row level security;
create policy visible on begun_service for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on begun_service to app_write using (
    (select viewer()) is not null
);
create policy worked_on on begun_service to jobs using (true);

create trigger append_only before update or delete on consent
    for each row execute function refuse_change();
create trigger append_only_truncate before truncate on consent
    for each statement execute function refuse_change();
grant select on consent to app_read;
grant select, insert on consent to app_write, jobs;
alter table consent enable row level security;
create policy visible on consent for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on consent to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy worked_on on consent to jobs using (true);

grant select, insert on idempotency_key to app_write;
grant select, delete on idempotency_key to jobs;
alter table idempotency_key enable row level security;
create policy written on idempotency_key to app_write using (
    true
);
create policy worked_on on idempotency_key to jobs using (true);
