"""Idempotency keys: what became of a command, so that sending it again does nothing again."""

from hashlib import sha256
from typing import Final
from uuid import UUID

import asyncpg
import orjson

from app.db.commands import Command, Done, Made
from app.domain.problem import Problem, ProblemCode

KNOWN: Final = """
select command, payload_hash, result_prefix, result_owner, result_id, problem
from idempotency_key where actor_id = $1 and key = $2
"""
STORE: Final = """
insert into idempotency_key (actor_id, key, command, payload_hash, recorded_at, result_prefix,
    result_owner, result_id, problem)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


def written(problem: Problem) -> str:
    """Write a refusal as it is kept."""
    return orjson.dumps({"code": problem.code, "field": problem.field}).decode()


def replayed(known: asyncpg.Record, command: Command, payload_hash: bytes) -> Done | Problem:
    """Tell what became of the command that a key was used for; refuses it for another."""
    if (known["command"], known["payload_hash"]) != (command.name, payload_hash):
        return Problem(ProblemCode.IDEMPOTENCY_KEY_REUSED, "idempotencyKey")
    if known["problem"] is not None:
        refusal = orjson.loads(known["problem"])
        return Problem(ProblemCode[refusal["code"]], refusal["field"])
    made = Made(known["result_prefix"], known["result_owner"], known["result_id"])
    return Done(made, replayed=True)


def lock_of(actor: UUID, key: str) -> tuple[int, int]:
    """Give the advisory lock of a key: two numbers, where the locks of other uses are one."""
    digest = sha256(actor.bytes + key.encode()).digest()
    return (
        int.from_bytes(digest[:4], "big", signed=True),
        int.from_bytes(digest[4:8], "big", signed=True),
    )
