"""The limit that queries are measured against: one statement that builds the JSON of one query.

Written by hand for each case, served by Starlette without tokens, permissions, masks, row scope,
decryption or audit. What is encrypted is passed on as the ciphertext that PostgreSQL writes.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_GRAPH: Final = """json_build_object(
    'number', c.number, 'name', c.name_ciphertext, 'tier', c.tier, 'status', c.status,
    'phone', c.phone_ciphertext, 'email', c.email_ciphertext,
    'nationalId', c.national_id_ciphertext, 'birthDate', c.birth_date_ciphertext,
    'relationshipManager', (
        select json_build_object('number', s.number, 'name', s.name)
        from assignment a join staff s on s.id = a.staff_id
        where a.customer_id = c.id and a.role = 'RELATIONSHIP_MANAGER'),
    'accounts', (
        select coalesce(json_agg(json_build_object(
            'kind', a.kind, 'status', a.status,
            'balance', json_build_object('amount', a.balance::text, 'currency', a.currency),
            'transactions', json_build_object('nodes', (
                select coalesce(json_agg(json_build_object(
                    'kind', p.kind,
                    'amount', json_build_object(
                        'amount', p.amount::text, 'currency', p.currency),
                    'bookedAt', p.booked_at)), '[]')
                from (
                    select kind, amount, currency, booked_at from posting
                    where customer_id = a.customer_id and account_id = a.id
                    order by booked_at desc, id desc limit 5) p))
            ) order by a.opened_on, a.id), '[]')
        from account a where a.customer_id = c.id),
    'loans', (
        select coalesce(json_agg(json_build_object(
            'number', l.number, 'purpose', l.purpose, 'status', l.status,
            'outstanding', json_build_object(
                'amount', l.outstanding::text, 'currency', l.currency)
            ) order by l.granted_on desc, l.id desc), '[]')
        from loan l where l.customer_id = c.id),
    'holdings', (
        select coalesce(json_agg(json_build_object(
            'units', h.units::text,
            'product', json_build_object('name', d.name, 'riskLevel', d.risk_level)
            ) order by h.product_id, h.id), '[]')
        from holding h join product d on d.id = h.product_id where h.customer_id = c.id),
    'tickets', json_build_object('nodes', (
        select coalesce(json_agg(json_build_object(
            'number', t.number, 'subject', t.subject, 'status', t.status,
            'assignee', case when s.id is not null then json_build_object('name', s.name) end
            )), '[]')
        from (
            select number, subject, status, assignee_id from ticket where customer_id = c.id
            order by opened_at desc, id desc limit 5) t
        left join staff s on s.id = t.assignee_id)),
    'segments', (
        select coalesce(json_agg(json_build_object('name', s.name) order by s.code, s.id), '[]')
        from segment_membership m join segment s on s.id = m.segment_id
        where m.customer_id = c.id))"""
_PAGE: Final = """(select * from customer where branch_id = $1
    order by customer_since desc, id desc limit 50) c"""
_OF_PAGE: Final = "order by c.customer_since desc, c.id desc"


def _data(name: str, value: str) -> str:
    return f"json_build_object('data', json_build_object('{name}', {value}))"


# The statement of each case; its values are the variables of the peers' query, in their order.
STATEMENTS: Final = {
    "360": f"select {_data('customer', _GRAPH)} from customer c where c.id = $1",
    "list-graph": "select "
    + _data("customers", f"json_build_object('nodes', json_agg({_GRAPH} {_OF_PAGE}))")
    + f" from {_PAGE}",
    "list-flat": "select "
    + _data(
        "customers",
        "json_build_object('nodes', json_agg(json_build_object('number', c.number,"
        " 'type', c.type, 'status', c.status, 'tier', c.tier, 'gender', c.gender,"
        f" 'customerSince', c.customer_since, 'name', c.name_ciphertext) {_OF_PAGE}))",
    )
    + f" from {_PAGE}",
    "transactions": "select "
    + _data(
        "account",
        "json_build_object('transactions', json_build_object('nodes', coalesce(json_agg("
        "json_build_object('kind', p.kind, 'amount', json_build_object('amount', p.amount::text,"
        " 'currency', p.currency), 'balanceAfter', json_build_object('amount',"
        " p.balance_after::text, 'currency', p.currency), 'bookedAt', p.booked_at, 'valueOn',"
        " p.value_on, 'channel', p.channel)) filter (where p.n <= 20), '[]'),"
        " 'pageInfo', json_build_object('hasNextPage', count(*) > 20)))",
    )
    + " from (select *, row_number() over (order by booked_at desc, id desc) n from ("
    "select * from posting where customer_id = $1 and account_id = $2"
    " order by booked_at desc, id desc limit 21) p order by n) p",
    "node": "select "
    + _data(
        "node",
        "json_build_object('__typename', 'Account', 'kind', a.kind, 'status', a.status, 'balance',"
        " json_build_object('amount', a.balance::text, 'currency', a.currency), 'openedOn',"
        " a.opened_on)",
    )
    + " from account a where a.customer_id = $1 and a.id = $2",
    "look-up": "select "
    + _data(
        "customerBy",
        "json_build_object('number', c.number, 'name', c.name_ciphertext, 'tier', c.tier,"
        " 'status', c.status)",
    )
    + " from national_id_index i join customer c on c.id = i.customer_id"
    " where i.digest = decode($1, 'hex')",
}


# What needs no database: what HTTP alone takes.
CONSTANTS: Final = {"viewer": b'{"data":{"viewer":{"actingRole":"BRANCH_MANAGER"}}}'}


async def _keep(_connection: asyncpg.Connection) -> None:
    """Leave a connection as it is: nothing that is sent here changes it."""


def application(dsn: str, connections: int) -> Starlette:
    """Serve each case under its name: the variables come as a JSON object in the body."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(
            dsn,
            min_size=connections,
            max_size=connections,
            reset=_keep,
            server_settings={"jit": "off"},
        ) as pool:
            app.state.pool = pool
            yield

    async def answer(request: Request) -> Response:
        given = orjson.loads(await request.body())
        case = request.path_params["case"]
        if case in CONSTANTS:
            return Response(CONSTANTS[case], media_type="application/json")
        statement = STATEMENTS[case]
        text = await request.app.state.pool.fetchval(statement, *given["variables"].values())
        return Response(text, media_type="application/json")

    return Starlette(
        routes=[Route("/{case}", answer, methods=["POST"])],
        lifespan=lifespan,
    )
