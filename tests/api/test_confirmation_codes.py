"""Codes that confirm transfers: who is sent one, what counts, and what becomes of wrong ones."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from client import Client
from conftest import client_of
from factories import Factory, Made
from issuer import Issuer
from payment_support import account_with, balance, by_number, teller_of, transfer
from requirement_support import Kept, requirements, send_code
from writing_support import state

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.db.promises import CODES_AN_HOUR, WRONG_CODES_MAX
from app.domain.money import Currency
from app.domain.problem import Language
from app.settings import Settings

THERE = by_number("12345678", "Hans Huber", "COBADEFF")
PHONE = "+86 139 1234 5678"


@dataclass
class Desk:
    """A customer with money and a phone, and what the gateway would have sent."""

    payer: Made
    me: Client
    kept: Kept

    async def token(self, amount: str = "800.00") -> str:
        """A promise that says a code is needed."""
        found = await requirements(self.me, self.payer, THERE, amount)
        assert found["steps"] == ["CONFIRMATION_CODE"]
        return str(found["token"])


@pytest.fixture
async def desk(
    database_url: str, keys: Keys, token_key: TokenKey, factory: Factory
) -> AsyncIterator[Desk]:
    await factory.bank()
    payer = await factory.account(await factory.customer(phone=PHONE))
    await factory.postings(payer, "9000.00")
    kept = Kept()
    settings = Settings(rate_per_viewer=0, rate_per_address=0)
    async with client_of(database_url, keys, token_key, settings, kept) as client:
        yield Desk(payer, client.as_(Role.CUSTOMER, payer.owner, strong=False), kept)


def another(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def test_a_code_confirms_the_transfer_that_it_was_sent_for(
    desk: Desk, owner: asyncpg.Connection
) -> None:
    token = await desk.token()
    refused = await transfer(desk.me, desk.payer, THERE, "800.00", requirementsToken=token)
    assert (refused["code"], refused["field"]) == ("CONFIRMATION_NEEDED", "confirmationCode")
    assert (await send_code(desk.me, token))["customer"]["id"].startswith("cus_")
    (message,) = desk.kept.sent
    assert (message.phone, message.currency, str(message.amount)) == (PHONE, Currency.USD, "800.00")
    assert re.fullmatch(r"\d{6}", message.code)
    assert message.language is Language.EN
    left = message.valid_until - datetime.now(UTC)
    assert timedelta(minutes=9) < left < timedelta(minutes=10)
    made = await transfer(
        desk.me,
        desk.payer,
        THERE,
        "800.00",
        requirementsToken=token,
        confirmationCode=f" {message.code} ",
    )
    assert "transaction" in made
    again = await transfer(
        desk.me,
        desk.payer,
        THERE,
        "800.00",
        requirementsToken=token,
        confirmationCode=message.code,
    )
    assert again["code"] == "REQUIREMENTS_USED"
    events = await owner.fetch(
        "select event from audit_record where customer_id = $1 and kind = 'WRITE'"
        " order by recorded_at, id",
        desk.payer.owner,
    )
    assert [row["event"] for row in events] == ["transfer.code_sent", "transfer.booked"]


async def test_a_code_is_of_its_own_promise(desk: Desk) -> None:
    one, other = await desk.token(), await desk.token("810.00")
    for token in (one, other):
        await send_code(desk.me, token)
    first, second = (message.code for message in desk.kept.sent)
    # One in a million.
    while first == second:
        await send_code(desk.me, other)
        second = desk.kept.sent[-1].code
    refused = await transfer(
        desk.me, desk.payer, THERE, "800.00", requirementsToken=one, confirmationCode=second
    )
    assert (refused["code"], refused["field"]) == ("CODE_WRONG", "confirmationCode")


async def test_wrong_codes_are_counted_though_they_are_refused(
    desk: Desk, owner: asyncpg.Connection
) -> None:
    token = await desk.token()
    await send_code(desk.me, token)
    (message,) = desk.kept.sent
    given = {"requirementsToken": token, "confirmationCode": another(message.code)}
    for n in range(WRONG_CODES_MAX):
        key = uuid4().hex
        for _ in range(2):
            # Sent again with the same key it is the same refusal, and counts once.
            refused = await transfer(
                desk.me, desk.payer, THERE, "800.00", **given, idempotencyKey=key
            )
            assert refused["code"] == "CODE_WRONG", n
    right = given | {"confirmationCode": message.code}
    refused = await transfer(desk.me, desk.payer, THERE, "800.00", **right)
    assert (refused["code"], refused["field"]) == ("CODE_VOID", "confirmationCode")
    assert await balance(owner, desk.payer) == 9000
    wrong = await owner.fetchval(
        "select count(*) from audit_record where customer_id = $1"
        " and event = 'transfer.code_refused'",
        desk.payer.owner,
    )
    assert wrong == WRONG_CODES_MAX
    # Another promise has another code.
    token = await desk.token()
    await send_code(desk.me, token)
    code = desk.kept.sent[-1].code
    made = await transfer(
        desk.me, desk.payer, THERE, "800.00", requirementsToken=token, confirmationCode=code
    )
    assert "transaction" in made


async def test_many_guesses_at_once_are_all_counted(desk: Desk, owner: asyncpg.Connection) -> None:
    token = await desk.token()
    await send_code(desk.me, token)
    wrong = another(desk.kept.sent[0].code)
    guesses = [
        transfer(
            desk.me, desk.payer, THERE, "800.00", requirementsToken=token, confirmationCode=wrong
        )
        for _ in range(12)
    ]
    told = [each["code"] for each in await asyncio.gather(*guesses)]
    assert told.count("CODE_WRONG") == WRONG_CODES_MAX
    assert set(told) <= {"CODE_WRONG", "CODE_VOID"}
    assert await balance(owner, desk.payer) == 9000


async def test_codes_are_stored_as_digests_and_logged_nowhere(
    desk: Desk, owner: asyncpg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    token = await desk.token()
    await send_code(desk.me, token)
    (message,) = desk.kept.sent
    rows = await owner.fetch("select * from transfer_promise where actor_id = $1", desk.payer.owner)
    (row,) = rows
    assert len(row["code_digest"]) == 32
    assert message.code not in str({**row} | {"id": "", "actor_id": "", "code_digest": ""})
    assert message.code.encode() not in row["code_digest"]
    assert f'"{message.code}"' not in capfd.readouterr().err


async def test_a_promise_has_one_code(desk: Desk) -> None:
    token, key = await desk.token(), uuid4().hex
    for _ in range(2):
        assert "customer" in await send_code(desk.me, token, key)
    assert len(desk.kept.sent) == 1
    refused = await send_code(desk.me, token)
    assert (refused["code"], refused["field"]) == ("CODE_SENT_ALREADY", "requirementsToken")
    assert len(desk.kept.sent) == 1


async def test_so_many_codes_are_sent_in_an_hour(desk: Desk, owner: asyncpg.Connection) -> None:
    for _ in range(CODES_AN_HOUR):
        assert "customer" in await send_code(desk.me, await desk.token())
    assert (await send_code(desk.me, await desk.token()))["code"] == "TOO_MANY_CODES"
    assert len(desk.kept.sent) == CODES_AN_HOUR
    await owner.execute(
        "update transfer_promise set sent_at = sent_at - interval '1 hour',"
        " valid_until = valid_until - interval '2 hours' where actor_id = $1",
        desk.payer.owner,
    )
    assert "customer" in await send_code(desk.me, await desk.token())
    # What has long expired is forgotten.
    left = await owner.fetchval(
        "select count(*) from transfer_promise where actor_id = $1", desk.payer.owner
    )
    assert left == 1


async def test_who_is_sent_no_code(
    client: Client, desk: Desk, factory: Factory, owner: asyncpg.Connection
) -> None:
    small = (await requirements(desk.me, desk.payer, THERE, "1.00"))["token"]
    needed = await desk.token()
    teller = await teller_of(client, factory, desk.payer)
    before = await state(owner)
    for person, token, code in (
        (desk.me, small, "CODE_NOT_NEEDED"),
        (desk.me, "nonsense", "REQUIREMENTS_INVALID"),
        (teller, needed, "REQUIREMENTS_OF_SOMEBODY_ELSE"),
    ):
        assert (await send_code(person, token))["code"] == code
    assert await state(owner) == before
    await owner.execute(
        "update customer set phone_ciphertext = null where id = $1", desk.payer.owner
    )
    assert (await send_code(desk.me, needed))["code"] == "PHONE_MISSING"
    assert desk.kept.sent == []


async def test_the_demo_shows_codes_in_its_log(
    client: Client, factory: Factory, capfd: pytest.CaptureFixture[str]
) -> None:
    payer = await account_with(factory, "900.00")
    me = client.as_(Role.CUSTOMER, payer.owner, strong=False)
    token = (await requirements(me, payer, THERE, "800.00"))["token"]
    assert "customer" in await send_code(me, token)
    found = re.search(r'"code":"(\d{6})"', capfd.readouterr().err)
    assert found
    made = await transfer(
        me, payer, THERE, "800.00", requirementsToken=token, confirmationCode=found[1]
    )
    assert "transaction" in made


async def test_a_bank_without_a_gateway_sends_none(
    issuer: Issuer, client_of_issuer: Client, factory: Factory
) -> None:
    payer, me = await account_with(factory, "900.00"), client_of_issuer
    token = issuer.token(customer_id=str(payer.owner), roles=["CUSTOMER"], role="CUSTOMER")
    me.headers["authorization"] = f"Bearer {token}"
    found = await requirements(me, payer, THERE, "800.00")
    assert found["steps"] == ["CONFIRMATION_CODE"]
    assert (await send_code(me, found["token"]))["code"] == "CODES_NOT_SENT"
