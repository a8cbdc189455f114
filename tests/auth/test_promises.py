"""Promises as tokens, also those of the release before."""

import base64
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import orjson
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from app.auth.permissions import Role
from app.auth.promises import LASTS, Promise, Promises
from app.auth.viewer import Viewer
from app.db.ids import new_id
from app.domain.money import Currency
from app.domain.requirement import TransferStep

SECRET = bytes(range(64))


@pytest.mark.parametrize("is_unusual", [False, True])
def test_what_is_promised_is_read_again(is_unusual: bool) -> None:
    kept = Promises(SECRET)
    promise = _promise(kept, is_unusual=is_unusual)
    mine = Viewer(Role.CUSTOMER, (Role.CUSTOMER,), customer_id=promise.viewer_id)
    assert kept.read(kept.write(promise), mine) == promise


def test_promises_of_the_release_before_say_nothing_of_what_is_unusual() -> None:
    kept = Promises(SECRET)
    promise = _promise(kept, is_unusual=True)
    mine = Viewer(Role.CUSTOMER, (Role.CUSTOMER,), customer_id=promise.viewer_id)
    sealed = base64.urlsafe_b64decode(kept.write(promise) + "==")
    before = orjson.loads(AESSIV(SECRET).decrypt(sealed, None))[:-1]
    token = base64.urlsafe_b64encode(AESSIV(SECRET).encrypt(orjson.dumps(before), None))
    assert kept.read(token.decode().rstrip("="), mine) == replace(promise, is_unusual=False)


def _promise(kept: Promises, *, is_unusual: bool) -> Promise:
    return Promise(
        new_id(),
        new_id(),
        Role.CUSTOMER.value,
        b"\x07" * 32,
        Decimal("12.50"),
        Currency.EUR,
        kept.now() + LASTS - timedelta(seconds=1),
        frozenset({TransferStep.CONFIRMATION_CODE}),
        is_unusual=is_unusual,
    )
