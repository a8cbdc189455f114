"""The imported bank as a reader sees it: through GraphQL, and through a stolen backup."""

import csv
import gzip
import subprocess
from pathlib import Path
from typing import Any

import pytest
from client import Client
from conftest import RETAIL_BANK, client_of
from documents import CUSTOMER_360, WHOLE_OF_MANY

from app.auth.tokens import TokenKey
from app.db.dump import backup
from app.db.keys import Keys
from app.db.retail_bank.report import Summary
from app.embedded import EmbeddedPostgres

pytestmark = pytest.mark.xdist_group("retail_bank")


def clients() -> list[dict[str, str]]:
    path = RETAIL_BANK / "completedclient.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture
async def bank(retail_bank: tuple[str, Summary], keys: Keys, token_key: TokenKey) -> Any:
    async with client_of(retail_bank[0], keys, token_key) as client:
        yield client


async def test_a_360_by_national_id_answers_as_the_files_say(bank: Client) -> None:
    data = await bank.run(CUSTOMER_360, nationalId="690-40-5090")
    found = data["customerBy"]
    (client,) = [row for row in clients() if row["social"] == "690-40-5090"]
    assert found["number"] == client["client_id"]
    assert found["name"] == f"{client['first']} {client['middle']} {client['last']}"
    assert (found["phone"], found["email"]) == (client["phone"], client["email"])
    assert found["birthDate"] == client["fulldate"]
    assert found["address"]["line1"] == client["address_1"]
    (account,) = found["accounts"]
    assert account["balance"]["amount"] == "73652.40"
    first, second, *_ = account["transactions"]["nodes"]
    assert (first["kind"], first["amount"]["amount"]) == ("FEE", "-14.60")
    assert second["balanceAfter"]["amount"] == "73667.00"
    assert found["loans"][0]["status"] == "PAID_OFF"
    assert found["tickets"]["totalCount"] == 6
    assert found["totals"][0]["netWorth"]["amount"] == "73652.40"


async def test_a_hundred_real_customers_in_one_request(bank: Client) -> None:
    wanted = clients()[:100]
    ids = []
    for row in wanted:
        by = {"nationalId": row["social"]}
        query = "query ($by: CustomerBy!) { customerBy(by: $by) { id } }"
        ids.append((await bank.run(query, by=by))["customerBy"]["id"])
    data = await bank.run(WHOLE_OF_MANY, ids=ids)
    assert [node["number"] for node in data["nodes"]] == [row["client_id"] for row in wanted]
    assert [node["phone"] for node in data["nodes"]] == [row["phone"] for row in wanted]


def test_a_plain_backup_names_nobody(
    retail_bank: tuple[str, Summary], server: EmbeddedPostgres, tmp_path: Path
) -> None:
    target = tmp_path / "bank.sql"
    backup(retail_bank[0], server.bin_dir, target, plain=True)
    people = clients()
    sampled = people[:: len(people) // 200][:200]
    assert len(sampled) == 200
    secrets = {
        secret
        for row in sampled
        for secret in (
            f"{row['first']} {row['middle']}",
            f"{row['middle']} {row['last']}",
            row["phone"],
            row["phone"].replace("-", ""),
            row["email"],
            row["address_1"],
            row["social"],
            row["social"].replace("-", ""),
        )
    }
    assert found_in(target, secrets) == []
    # The search works, and the dump is whole: a plain value of the last sampled customer.
    assert found_in(target, {sampled[-1]["client_id"]}) != []


def found_in(file: Path, texts: set[str]) -> list[str]:
    """Give what a thief's grep finds."""
    wanted = file.with_suffix(".wanted")
    wanted.write_text("\n".join(texts), encoding="utf-8")
    run = subprocess.run(
        ["grep", "--fixed-strings", "--ignore-case", "--only-matching", "-f", wanted, file],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C"},
    )
    assert run.returncode in {0, 1}, run.stderr
    return run.stdout.splitlines()
