-- What row-level security has found out of a customer is remembered for the statement.

create function viewer_moment() returns text stable
return case when pg_current_xact_id_if_assigned() is null then
    pg_current_snapshot() || ' ' || now() || ' ' || current_setting('bank360.viewer', true)
end;

-- Remember that the viewer sees a customer, until the transaction ends or the next one is seen.
create function viewer_remembers(moment text, customer uuid) returns boolean language plpgsql stable
as $body$
begin
    return set_config('bank360.served', moment || customer, true) is not null;
end
$body$;

revoke execute on function viewer_moment() from public;
grant execute on function viewer_moment() to app_read, app_write, jobs;
revoke execute on function viewer_remembers(text, uuid) from public;
grant execute on function viewer_remembers(text, uuid) to app_read, app_write, jobs;

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

alter policy visible on account using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id, id)
    )
);
alter policy visible on account_hold using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id, account_id)
    )
);
alter policy written on account_hold using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id, account_id)
    )
);
alter policy visible on account_holder using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or holder_id = (select (viewer() ->> 'customer')::uuid) or viewer_serves(holder_id)
    )
);
alter policy visible on account_number_index using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id, account_id)
    )
);
alter policy visible on approval using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    ) and (
        maker_id = (select coalesce(viewer() ->> 'staff', viewer() ->> 'customer')::uuid)
        or (select viewer() ->> 'role') = any (required_roles)
    )
);
alter policy visible on assignment using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or case when (select viewer() ->> 'scope') = 'ASSIGNED' and staff_id = (select (viewer() ->> 'staff')::uuid) and role = (select viewer() ->> 'role')
            then viewer_remembers((select viewer_moment()), customer_id) end
        or viewer_serves(customer_id)
    )
);
alter policy visible on begun_service using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on card using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy written on card using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on consent using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy written on consent using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on contact_index using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on customer using (
    id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || id = current_setting('bank360.served', true)
        or id = (select (viewer() ->> 'customer')::uuid)
        or case when branch_id = (select viewer_branch())
            then viewer_remembers((select viewer_moment()), id) end
        or viewer_serves(id)
    )
);
alter policy visible on customer_key using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id)
    )
);
alter policy visible on customer_number using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on daily_outgoing using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy written on daily_outgoing using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on held_account using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on holding using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy written on holding using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on holding_lot using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy written on holding_lot using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on instalment using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy written on instalment using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on interaction using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy written on interaction using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on journal_entry using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on loan using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy written on loan using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on name_index using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on national_id_index using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on order_payment using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy written on order_payment using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on payee using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy written on payee using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on posting using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id, account_id)
    )
);
alter policy visible on relationship using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy written on relationship using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on segment_membership using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy written on segment_membership using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on standing_order using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id, account_id)
    )
);
alter policy written on standing_order using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id, account_id)
    )
);
alter policy visible on ticket using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or case when queue = any ((select viewer_queues())::text[]) and (status <> 'CLOSED' or closed_at >= (select closed_of_late()))
            then viewer_remembers((select viewer_moment()), customer_id) end
        or viewer_serves(customer_id)
    )
);
alter policy written on ticket using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or case when queue = any ((select viewer_queues())::text[]) and (status <> 'CLOSED' or closed_at >= (select closed_of_late()))
            then viewer_remembers((select viewer_moment()), customer_id) end
        or viewer_serves(customer_id)
    )
);
alter policy visible on ticket_comment using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid) and not internal
        or viewer_serves(customer_id)
    )
);
alter policy written on ticket_comment using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid) and not internal
        or viewer_serves(customer_id)
    )
);
alter policy visible on ticket_event using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy written on ticket_event using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
alter policy visible on ticket_number using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or (select viewer_moment()) || customer_id = current_setting('bank360.served', true)
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
