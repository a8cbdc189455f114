-- What keeps customers' keys under the master key that is in force.

create function wrapping_prefix() returns bytea language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $body$
declare
    known bytea;
begin
    select master into known from key_check for share;
    return substring(known from 1 for 5);
end
$body$;

create function check_wrapping() returns trigger language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $body$
declare
    prefix constant bytea := wrapping_prefix();
begin
    if exists (
        select from added where substring(wrapped_key from 1 for 5) <> prefix
    ) then
        raise exception 'a customer key is wrapped with another master key than the one in force'
            using errcode = 'check_violation';
    end if;
    return null;
end
$body$;

revoke execute on function check_wrapping() from public;
revoke execute on function wrapping_prefix() from public;
grant execute on function wrapping_prefix() to app_write, jobs;

create trigger wrapped after insert on customer_key referencing new table as added
    for each statement execute function check_wrapping();
