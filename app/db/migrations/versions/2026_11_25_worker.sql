-- The end of a business day: its steps, payments of standing orders, closed balances, the queue.

alter table business_date
    add column follows_calendar boolean not null default true,
    add column run_to date;

alter table account add column matured_on date;

create table business_day (
    day_on date not null,
    cut_off_at timestamptz not null,
    finished_at timestamptz,
    constraint pk_business_day primary key (day_on)
);

create table business_day_step (
    day_on date not null,
    step text not null
        constraint ck_business_day_step_step check (step in ('INTEREST', 'POSTING', 'MATURITIES',
        'STANDING_ORDERS', 'INTERNAL_ACCOUNTS', 'APPROVALS', 'PROMISES',
        'IDEMPOTENCY_KEYS')),
    after_owner uuid,
    after_id uuid,
    done integer default '0' not null,
    finished_at timestamptz,
    constraint pk_business_day_step primary key (day_on, step),
    constraint fk_business_day_step_day_on foreign key(day_on) references business_day (day_on),
    constraint ck_business_day_step_done check (done >= 0),
    constraint ck_business_day_step_after_given check ((after_owner is null) = (after_id is null))
);

create table internal_balance (
    customer_id uuid not null,
    account_id uuid not null,
    day_on date not null,
    currency text not null
        constraint ck_internal_balance_currency check (currency in ('CNY', 'CZK', 'EUR', 'GBP',
        'HKD', 'JPY', 'USD')),
    balance numeric not null constraint ck_internal_balance_balance check (scale(balance) <= 4),
    constraint pk_internal_balance primary key (customer_id, account_id, day_on),
    constraint fk_internal_balance_customer_id_account_id foreign key(customer_id, account_id)
        references account (customer_id, id),
    constraint fk_internal_balance_day_on foreign key(day_on) references business_day (day_on)
);

create table order_payment (
    customer_id uuid not null,
    order_id uuid not null,
    due_on date not null,
    outcome text not null
        constraint ck_order_payment_outcome check (outcome in ('PAID', 'INSUFFICIENT_FUNDS',
        'ACCOUNT_FROZEN', 'ACCOUNT_CLOSED', 'PAYEE_NOT_FOUND', 'PAYEE_CLOSED', 'WRONG_CURRENCY')),
    attempts integer default '1' not null,
    tried_on date not null,
    entry_id uuid,
    constraint pk_order_payment primary key (customer_id, order_id, due_on),
    constraint fk_order_payment_customer_id_order_id foreign key(customer_id, order_id)
        references standing_order (customer_id, id),
    constraint ck_order_payment_attempts check (attempts > 0),
    constraint ck_order_payment_entry_given check ((outcome = 'PAID') = (entry_id is not null))
);

create function booking_date() returns date language plpgsql volatile
set search_path = pg_catalog, public, pg_temp as $body$
begin
    perform pg_advisory_xact_lock_shared(360360);
    return coalesce((select current_on from business_date), current_date);
end
$body$;

revoke execute on function booking_date() from public;
grant execute on function booking_date() to app_read, app_write, jobs;

grant select, insert, update on business_day to jobs;
alter table business_day enable row level security;
create policy written on business_day to app_write using (
    true
);
create policy worked_on on business_day to jobs using (true);

grant select, insert, update on business_day_step to jobs;
alter table business_day_step enable row level security;
create policy written on business_day_step to app_write using (
    true
);
create policy worked_on on business_day_step to jobs using (true);

grant select, insert on internal_balance to jobs;
alter table internal_balance enable row level security;
create policy written on internal_balance to app_write using (
    true
);
create policy worked_on on internal_balance to jobs using (true);

grant select on order_payment to app_read;
grant select on order_payment to app_write;
grant select, insert, update on order_payment to jobs;
alter table order_payment enable row level security;
create policy visible on order_payment for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on order_payment to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy worked_on on order_payment to jobs using (true);

-- pgqueuer 1.6.0 -- prefix='' schema='pgqueuer' durability=durable

CREATE SCHEMA IF NOT EXISTS pgqueuer;

CREATE TYPE pgqueuer.pgqueuer_status AS ENUM ('queued', 'picked', 'successful', 'exception', 'canceled', 'deleted', 'failed');

CREATE TABLE pgqueuer.pgqueuer (
    id bigserial NOT NULL PRIMARY KEY,
    priority integer NOT NULL,
    queue_manager_id uuid,
    created timestamp with time zone NOT NULL DEFAULT now(),
    updated timestamp with time zone NOT NULL DEFAULT now(),
    heartbeat timestamp with time zone NOT NULL DEFAULT now(),
    execute_after timestamp with time zone NOT NULL DEFAULT now(),
    status pgqueuer.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL,
    dedupe_key text,
    payload bytea,
    headers jsonb,
    attempts integer NOT NULL DEFAULT 0,
    slot bigint
);

CREATE TABLE pgqueuer.pgqueuer_log (
    id bigint GENERATED BY DEFAULT AS IDENTITY NOT NULL PRIMARY KEY,
    created timestamp with time zone NOT NULL DEFAULT now(),
    job_id bigint NOT NULL,
    status pgqueuer.pgqueuer_status NOT NULL,
    priority integer NOT NULL,
    entrypoint text NOT NULL,
    traceback jsonb,
    aggregated boolean DEFAULT false
);

CREATE TABLE pgqueuer.pgqueuer_schedules (
    id bigserial NOT NULL PRIMARY KEY,
    expression text NOT NULL,
    entrypoint text NOT NULL,
    heartbeat timestamp with time zone NOT NULL DEFAULT now(),
    created timestamp with time zone NOT NULL DEFAULT now(),
    updated timestamp with time zone NOT NULL DEFAULT now(),
    next_run timestamp with time zone NOT NULL DEFAULT now(),
    last_run timestamp with time zone,
    status pgqueuer.pgqueuer_status DEFAULT 'queued'::pgqueuer.pgqueuer_status,
    UNIQUE (expression, entrypoint)
);

CREATE TABLE pgqueuer.pgqueuer_statistics (
    id bigserial NOT NULL PRIMARY KEY,
    created timestamp with time zone NOT NULL DEFAULT date_trunc('sec'::text, now()),
    count bigint NOT NULL,
    priority integer NOT NULL,
    status pgqueuer.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL
);

CREATE INDEX pgqueuer_ep_ea_idx ON pgqueuer.pgqueuer USING btree (entrypoint, execute_after) WHERE (status = 'queued'::pgqueuer.pgqueuer_status);

CREATE INDEX pgqueuer_ep_prio_id_idx ON pgqueuer.pgqueuer USING btree (entrypoint, priority DESC, id) WHERE (status = 'queued'::pgqueuer.pgqueuer_status);

CREATE INDEX pgqueuer_log_created ON pgqueuer.pgqueuer_log USING btree (created);

CREATE INDEX pgqueuer_log_job_id_status ON pgqueuer.pgqueuer_log USING btree (job_id, created DESC);

CREATE INDEX pgqueuer_log_not_aggregated ON pgqueuer.pgqueuer_log USING btree ((1)) WHERE (NOT aggregated);

CREATE INDEX pgqueuer_log_status ON pgqueuer.pgqueuer_log USING btree (status);

CREATE INDEX pgqueuer_picked_heartbeat_idx ON pgqueuer.pgqueuer USING btree (heartbeat) WHERE (status = 'picked'::pgqueuer.pgqueuer_status);

CREATE UNIQUE INDEX pgqueuer_picked_slot_idx ON pgqueuer.pgqueuer USING btree (entrypoint, slot) WHERE ((status = 'picked'::pgqueuer.pgqueuer_status) AND (slot IS NOT NULL));

CREATE INDEX pgqueuer_priority_id_id1_idx ON pgqueuer.pgqueuer USING btree (priority, id DESC) INCLUDE (id) WHERE (status = 'queued'::pgqueuer.pgqueuer_status);

CREATE INDEX pgqueuer_queue_manager_id_idx ON pgqueuer.pgqueuer USING btree (queue_manager_id) WHERE (queue_manager_id IS NOT NULL);

CREATE UNIQUE INDEX pgqueuer_statistics_unique_count ON pgqueuer.pgqueuer_statistics USING btree (priority, date_trunc('sec'::text, timezone('UTC'::text, created)), status, entrypoint);

CREATE UNIQUE INDEX pgqueuer_unique_dedupe_key ON pgqueuer.pgqueuer USING btree (dedupe_key) WHERE ((status = ANY (ARRAY['queued'::pgqueuer.pgqueuer_status, 'picked'::pgqueuer.pgqueuer_status])) AND (dedupe_key IS NOT NULL));

CREATE INDEX pgqueuer_updated_id_id1_idx ON pgqueuer.pgqueuer USING btree (updated, id DESC) INCLUDE (id) WHERE (status = 'picked'::pgqueuer.pgqueuer_status);

CREATE FUNCTION pgqueuer.fn_pgqueuer_changed() RETURNS TRIGGER AS $$
DECLARE
    to_emit BOOLEAN := false;  -- Flag to decide whether to emit a notification
BEGIN
    -- Check operation type and set the emit flag accordingly
    IF TG_OP = 'UPDATE' AND OLD IS DISTINCT FROM NEW THEN
        to_emit := true;
    ELSIF TG_OP = 'DELETE' THEN
        to_emit := true;
    ELSIF TG_OP = 'INSERT' THEN
        to_emit := true;
    ELSIF TG_OP = 'TRUNCATE' THEN
        to_emit := true;
    END IF;

    -- Perform notification if the emit flag is set
    IF to_emit THEN
        PERFORM pg_notify(
            'ch_pgqueuer',
            json_build_object(
                'channel', 'ch_pgqueuer',
                'operation', lower(TG_OP),
                'sent_at', NOW(),
                'table', TG_TABLE_NAME,
                'type', 'table_changed_event'
            )::text
        );
    END IF;

    -- Return appropriate value based on the operation
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    ELSE
        RETURN NULL; -- For TRUNCATE and other non-row-specific contexts
    END IF;

END;
$$ LANGUAGE plpgsql;

CREATE TRIGGER tg_pgqueuer_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pgqueuer.pgqueuer
EXECUTE FUNCTION pgqueuer.fn_pgqueuer_changed();
grant usage on schema pgqueuer to jobs;
grant select, insert, update, delete on all tables in schema pgqueuer to jobs;
grant usage on all sequences in schema pgqueuer to jobs;
