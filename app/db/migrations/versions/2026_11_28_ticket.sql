-- Tickets that are worked on: their topics, and who a step of their history may concern.

alter table ticket
    add column topic text
        constraint ck_ticket_topic check (topic in ('CARD_LOST', 'PAYMENT_UNKNOWN',
        'PAYMENT_MISSING', 'CHARGE', 'ACCESS', 'DATA_CHANGE', 'PRODUCT', 'COMPLAINT',
        'ACCOUNT_FROZEN', 'TRANSFER_UNUSUAL', 'OTHER')),
    add column account_id uuid,
    add column first_answered_at timestamptz,
    add column resolved_at timestamptz,
    add column rated_at timestamptz,
    add column internal_event_count integer default '0' not null,
    add constraint ck_ticket_internal_event_count
        check (internal_event_count between 0 and event_count),
    add constraint fk_ticket_customer_id_account_id foreign key(customer_id, account_id)
        references account (customer_id, id);

alter table ticket_event
    add column queue text,
    add column assignee_id uuid,
    add column left_queue text,
    add column left_assignee_id uuid,
    add column internal boolean default false not null,
    add column internal_before integer default '0' not null,
    add column comment_id uuid,
    add column record_id uuid,
    drop constraint ck_ticket_event_kind,
    add constraint ck_ticket_event_kind check (kind in ('OPENED', 'ASSIGNED', 'FORWARDED',
        'REPLIED', 'COMMENTED', 'STATUS_CHANGED', 'ESCALATED', 'DUE_SOON', 'BREACHED', 'RESOLVED',
        'REOPENED', 'CLOSED', 'RATED'));

alter table business_day_step
    drop constraint ck_business_day_step_step,
    add constraint ck_business_day_step_step check (step in ('INTEREST', 'POSTING', 'MATURITIES',
        'STANDING_ORDERS', 'INTERNAL_ACCOUNTS', 'APPROVALS', 'PROMISES', 'IDEMPOTENCY_KEYS',
        'TICKETS'));

alter policy visible on ticket_event using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid) and not internal
        or viewer_serves(customer_id)
    )
);
alter policy written on ticket using ((select viewer()) is not null);
alter policy written on ticket_event using ((select viewer()) is not null);
