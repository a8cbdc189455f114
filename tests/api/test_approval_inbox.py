"""Subscriptions to requests for a second person."""

from approval_support import approve, reject, withdraw
from client import Client
from desk_support import Desk, ask
from factories import Factory
from stream_support import INBOX, following
from websocket_client import opened

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id


async def test_who_asks_and_who_may_decide_are_told(
    address: str, desk: Desk, served: Client, token_key: TokenKey
) -> None:
    maker = token_key.issue(Role.BRANCH_MANAGER, desk.head_id.id, strong=True)
    checker = token_key.issue(Role.BRANCH_MANAGER, desk.checker_id.id, strong=True)
    async with following(address, maker, INBOX) as ours, following(address, checker, INBOX) as all_:
        asked = (await ask(desk))["approval"]["id"]
        for stream in (ours, all_):
            told = await stream.next()
            assert told["change"] == "REQUESTED"
            assert told["approval"] == {"id": asked, "state": "PENDING"}
        await reject(served.as_(Role.BRANCH_MANAGER, desk.checker_id.id), asked)
        for stream in (ours, all_):
            told = await stream.next()
            assert told["change"] == "REJECTED"
            assert told["approval"] == {"id": asked, "state": "REJECTED"}


async def test_the_head_of_another_branch_is_told_nothing(
    address: str, desk: Desk, factory: Factory, token_key: TokenKey
) -> None:
    elsewhere = await factory.staff("BRANCH_MANAGER", await factory.branch())
    stranger = token_key.issue(Role.BRANCH_MANAGER, elsewhere.id, strong=True)
    checker = token_key.issue(Role.BRANCH_MANAGER, desk.checker_id.id, strong=True)
    async with (
        following(address, stranger, INBOX) as hidden,
        following(address, checker, INBOX) as seen,
    ):
        asked = (await ask(desk))["approval"]["id"]
        assert (await seen.next())["approval"]["id"] == asked
        await withdraw(desk.head, asked)
        assert (await seen.next())["change"] == "WITHDRAWN"
        await hidden.socket.send(type="ping")
        assert await hidden.socket.receive() == {"type": "pong"}


async def test_an_approval_and_its_effect(address: str, desk: Desk, token_key: TokenKey) -> None:
    maker = token_key.issue(Role.BRANCH_MANAGER, desk.head_id.id, strong=True)
    async with following(address, maker, INBOX) as stream:
        asked = (await ask(desk))["approval"]["id"]
        await stream.next()
        await approve(desk.checker, asked)
        assert (await stream.next())["change"] == "APPROVED"


async def test_requests_are_told_without_a_second_factor(
    address: str, desk: Desk, token_key: TokenKey
) -> None:
    weak = token_key.issue(Role.BRANCH_MANAGER, desk.head_id.id, strong=False)
    async with following(address, weak, INBOX) as stream:
        asked = (await ask(desk))["approval"]["id"]
        assert (await stream.next())["approval"]["id"] == asked


async def test_skipped_fields_leave_nothing_to_follow(address: str, token_key: TokenKey) -> None:
    token = token_key.issue(Role.CUSTOMER, new_id())
    query = "subscription ($no: Boolean!) { approvalInbox @skip(if: $no) { __typename } }"
    async with opened(address) as socket:
        await socket.initialise(token)
        await socket.subscribe("s", query, no=True)
        message = await socket.receive()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "BAD_REQUEST"
