-- The service desk's calendars, targets and agents, and the clock of each ticket.

create table service_calendar (
    code text not null,
    name text not null,
    zone text not null,
    country text,
    constraint pk_service_calendar primary key (code),
    constraint ck_service_calendar_country check (country ~ '^[A-Z]{2}$')
);

create table service_hours (
    calendar_code text not null,
    weekday smallint not null,
    hours text not null,
    constraint pk_service_hours primary key (calendar_code, weekday),
    constraint ck_service_hours_weekday check (weekday between 1 and 7),
    constraint ck_service_hours_hours
        check (hours ~ '^((?:[01][0-9]|2[0-3]):[0-5][0-9]-(?:[01][0-9]|2[0-3]):[0-5][0-9]( (?!$)|$))*$'),
    constraint fk_service_hours_calendar_code foreign key(calendar_code)
        references service_calendar (code)
);

create table special_day (
    calendar_code text not null,
    day_on date not null,
    kind text not null constraint ck_special_day_kind check (kind in ('HOLIDAY', 'MAKE_UP',
        'CLOSING', 'OPENING')),
    follows smallint,
    hours text,
    name text not null,
    source text not null,
    constraint pk_special_day primary key (calendar_code, day_on),
    constraint ck_special_day_follows check (follows between 1 and 7),
    constraint ck_special_day_hours
        check (hours ~ '^((?:[01][0-9]|2[0-3]):[0-5][0-9]-(?:[01][0-9]|2[0-3]):[0-5][0-9]( (?!$)|$))*$'),
    constraint fk_special_day_calendar_code foreign key(calendar_code)
        references service_calendar (code)
);

create table service_queue (
    code text not null,
    calendar_code text not null,
    constraint pk_service_queue primary key (code),
    constraint fk_service_queue_calendar_code foreign key(calendar_code)
        references service_calendar (code)
);

create table service_target (
    tier text not null constraint ck_service_target_tier check (tier in ('NORMAL', 'SILVER',
        'GOLD', 'PLATINUM')),
    priority text not null constraint ck_service_target_priority check (priority in ('LOW',
        'NORMAL', 'HIGH', 'URGENT')),
    answer_minutes integer not null,
    solution_minutes integer not null,
    constraint pk_service_target primary key (tier, priority),
    constraint ck_service_target_answer_minutes check (answer_minutes between 1
        and solution_minutes)
);

create table service_agent (
    staff_id uuid not null,
    capacity smallint not null,
    languages text[] not null,
    tiers text[] not null,
    open_tickets integer default '0' not null,
    last_assigned_at timestamptz,
    constraint pk_service_agent primary key (staff_id),
    constraint ck_service_agent_capacity check (capacity > 0),
    constraint ck_service_agent_open_tickets check (open_tickets >= 0),
    constraint fk_service_agent_staff_id foreign key(staff_id) references staff (id)
);

create table staff_skill (
    staff_id uuid not null,
    category text not null constraint ck_staff_skill_category
        check (category in ('CURRENT_ACCOUNT', 'SAVINGS_ACCOUNT', 'TIME_DEPOSIT', 'CREDIT_CARD',
        'LOAN', 'PAYMENT', 'CHEQUE_CASHING', 'OTHER')),
    level smallint not null,
    constraint pk_staff_skill primary key (staff_id, category),
    constraint ck_staff_skill_level check (level between 1 and 3),
    constraint fk_staff_skill_staff_id foreign key(staff_id) references staff (id)
);

create table staff_shift (
    staff_id uuid not null,
    weekday smallint not null,
    hours text not null,
    constraint pk_staff_shift primary key (staff_id, weekday),
    constraint ck_staff_shift_weekday check (weekday between 1 and 7),
    constraint ck_staff_shift_hours
        check (hours ~ '^((?:[01][0-9]|2[0-3]):[0-5][0-9]-(?:[01][0-9]|2[0-3]):[0-5][0-9]( (?!$)|$))*$'),
    constraint fk_staff_shift_staff_id foreign key(staff_id) references staff (id)
);

alter table ticket
    add column worked interval default '0' not null,
    add column running_since timestamptz,
    add column due_for text constraint ck_ticket_due_for check (due_for in ('ANSWER', 'SOLUTION')),
    add column left_seconds integer,
    add column due_soon_at timestamptz,
    add column due_soon_told_at timestamptz,
    add column breach_told_at timestamptz,
    add column urgent_at timestamptz default '9999-12-31 00:00:00+00:00' not null,
    add column why_assigned text,
    add constraint ck_ticket_running_since check (running_since is null
        or left_seconds is not null);

create index ix_ticket_due_at on ticket (due_at)
    where running_since is not null
        and breach_told_at is null;

create index ix_ticket_due_soon_at on ticket (due_soon_at)
    where running_since is not null
        and due_soon_told_at is null;

create index ix_ticket_given on ticket (queue, assignee_id)
    where status = 'IN_PROGRESS'
        and first_answered_at is null and why_assigned is not null;

create index ix_ticket_queue_urgent_at_id on ticket (queue, urgent_at, id);

create index ix_ticket_urgent_at_id on ticket (urgent_at, id);

create index ix_ticket_waiting on ticket (queue, urgent_at, id)
    where status = 'OPEN'
        and assignee_id is null;

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

revoke execute on function calendar_of_queue(text) from public;
grant execute on function calendar_of_queue(text) to app_read, app_write, jobs;

create trigger counted after insert or update of assignee_id, status on ticket
    for each row execute function count_open_tickets();
create trigger reasoned before update of assignee_id on ticket
    for each row
    when (new.assignee_id is distinct from old.assignee_id) execute function forget_why_assigned();

grant select on service_agent to app_read;
grant select, insert, update on service_agent to app_write, jobs;
grant select on service_calendar to app_read;
grant select, insert, update on service_calendar to app_write, jobs;
grant select on service_hours to app_read;
grant select, insert, update, delete on service_hours to app_write, jobs;
grant select on service_queue to app_read;
grant select, insert, update on service_queue to app_write, jobs;
grant select on service_target to app_read;
grant select, insert, update on service_target to app_write, jobs;
grant select on special_day to app_read;
grant select, insert, update, delete on special_day to app_write, jobs;
grant select on staff_shift to app_read;
grant select, insert, update, delete on staff_shift to app_write, jobs;
grant select on staff_skill to app_read;
grant select, insert, update, delete on staff_skill to app_write, jobs;

alter table service_agent enable row level security;
create policy visible on service_agent for select to app_read using (
    (select viewer() ->> 'staff') is not null
);
create policy written on service_agent to app_write using (
    (select viewer()) is not null
);
create policy worked_on on service_agent to jobs using (true);
alter table service_calendar enable row level security;
create policy visible on service_calendar for select to app_read using (
    (select viewer()) is not null
);
create policy written on service_calendar to app_write using (
    (select viewer()) is not null
);
create policy worked_on on service_calendar to jobs using (true);
alter table service_hours enable row level security;
create policy visible on service_hours for select to app_read using (
    (select viewer()) is not null
);
create policy written on service_hours to app_write using (
    (select viewer()) is not null
);
create policy worked_on on service_hours to jobs using (true);
alter table service_queue enable row level security;
create policy visible on service_queue for select to app_read using (
    (select viewer()) is not null
);
create policy written on service_queue to app_write using (
    (select viewer()) is not null
);
create policy worked_on on service_queue to jobs using (true);
alter table service_target enable row level security;
create policy visible on service_target for select to app_read using (
    (select viewer()) is not null
);
create policy written on service_target to app_write using (
    (select viewer()) is not null
);
create policy worked_on on service_target to jobs using (true);
alter table special_day enable row level security;
create policy visible on special_day for select to app_read using (
    (select viewer()) is not null
);
create policy written on special_day to app_write using (
    (select viewer()) is not null
);
create policy worked_on on special_day to jobs using (true);
alter table staff_shift enable row level security;
create policy visible on staff_shift for select to app_read using (
    (select viewer() ->> 'staff') is not null
);
create policy written on staff_shift to app_write using (
    (select viewer()) is not null
);
create policy worked_on on staff_shift to jobs using (true);
alter table staff_skill enable row level security;
create policy visible on staff_skill for select to app_read using (
    (select viewer() ->> 'staff') is not null
);
create policy written on staff_skill to app_write using (
    (select viewer()) is not null
);
create policy worked_on on staff_skill to jobs using (true);
alter policy written on staff using ((select viewer()) is not null);
