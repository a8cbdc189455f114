"""Proofs of audit records, checked as docs/audit.md tells an outsider to."""

import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from audit_trail import Trail, open_trail
from client import Client

from app.auth.permissions import Role
from app.db.ids import new_id
from app.db.keys import Keys

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
QUERY = re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL)[0]
RECIPE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]


@pytest.fixture
async def trail(database_url: str, keys: Keys, tmp_path: Path) -> AsyncIterator[Trail]:
    async with open_trail(database_url, keys, tmp_path) as made:
        yield made


def check(folder: Path, proof: Any, keys: Keys) -> "subprocess.CompletedProcess[str]":
    """Do what the page says."""
    (folder / "proof.json").write_bytes(orjson.dumps({"data": proof}))
    (folder / "check.py").write_text(RECIPE, encoding="utf-8")
    public = keys.audit.public.public_bytes_raw().hex()
    command = [sys.executable, "check.py", public]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


async def proof_of(client: Client, record: str) -> Any:
    return await client.run(QUERY, id=record)


async def signed(trail: Trail, count: int) -> list[str]:
    """Records that the application has numbered and signed."""
    written = await trail.write(*(trail.record() for _ in range(count)))
    await trail.until_numbered(written)
    await trail.until_signed()
    return [f"aud_{record.hex}" for record in written]


async def test_an_outsider_checks_a_record(
    trail: Trail, client: Client, keys: Keys, tmp_path: Path
) -> None:
    records = await signed(trail, 3)
    for record in (records[0], records[2]):
        proof = await proof_of(client, record)
        checked = check(tmp_path, proof, keys)
        assert checked.returncode == 0, checked.stderr
        position = proof["auditProof"]["steps"][0]["position"]
        assert f"the record of position {position} is in the trail" in checked.stdout
        assert proof["auditProof"]["steps"][0]["recordId"] == record
    last = proof["auditProof"]["steps"][-1]
    last["recordHash"] = "00" * 32
    assert check(tmp_path, proof, keys).returncode != 0


async def test_a_proof_of_a_forged_head_does_not_hold(
    trail: Trail, client: Client, keys: Keys, tmp_path: Path
) -> None:
    (record,) = await signed(trail, 1)
    proof = await proof_of(client, record)
    proof["auditProof"]["head"]["statement"] += " "
    assert "InvalidSignature" in check(tmp_path, proof, keys).stderr
    other = Keys.load(tmp_path / "other", None, None)
    assert "not the bank's key" in check(tmp_path, proof, other).stderr


async def test_a_proof_leads_over_many_steps_at_most_256(
    trail: Trail, client: Client, keys: Keys, tmp_path: Path
) -> None:
    records = await signed(trail, 300)
    for record in records[::50]:
        proof = await proof_of(client, record)
        assert len(proof["auditProof"]["steps"]) <= 256
        assert check(tmp_path, proof, keys).returncode == 0


async def test_only_compliance_with_a_second_factor_sees_proofs(
    trail: Trail, client: Client
) -> None:
    (record,) = await signed(trail, 1)
    for role in set(Role) - {Role.COMPLIANCE}:
        denied = await client.as_(role).error(QUERY, id=record)
        assert denied["extensions"]["code"] == "FORBIDDEN"
    weak = await client.as_(Role.COMPLIANCE, strong=False).error(QUERY, id=record)
    assert weak["extensions"]["code"] == "STEP_UP_REQUIRED"


async def test_unknown_and_malformed_ids(client: Client) -> None:
    assert await proof_of(client, f"aud_{new_id().hex}") == {"auditProof": None}
    for wrong in (f"cus_{new_id().hex}", f"aud_{new_id().hex}{new_id().hex}", "aud_1", ""):
        error = await client.error(QUERY, id=wrong)
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
