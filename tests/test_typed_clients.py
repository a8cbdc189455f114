"""The typed clients of web/clients: generated from schema.graphql, checked by their compilers."""

import shutil
import subprocess
from pathlib import Path

import pytest

CLIENTS = Path(__file__).parents[1] / "web" / "clients"
TYPESCRIPT = CLIENTS / "typescript"
PYTHON = CLIENTS / "python"
NODE_MIN = (20, 19)
STEP_SECONDS_MAX = 240


def run(folder: Path, program: str, *arguments: str) -> None:
    """Run one of the folder's own programs; what it says is the failure."""
    done = subprocess.run(
        [folder / program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=STEP_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def need_node() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not on the path")
    written = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(int(part) for part in written.strip().removeprefix("v").split(".")[:2])
    if version < NODE_MIN:
        pytest.skip(f"Node.js {written.strip()} is older than 20.19")


def need(folder: Path, program: str) -> None:
    if not (folder / program).exists():
        pytest.skip(f"{folder / program} is missing: run `make clients`")


def test_graphql_codegen_gives_a_client_that_tsc_accepts() -> None:
    need_node()
    need(TYPESCRIPT, "node_modules/.bin/graphql-codegen")
    generated = TYPESCRIPT / "src" / "generated"
    shutil.rmtree(generated, ignore_errors=True)

    run(TYPESCRIPT, "node_modules/.bin/graphql-codegen")
    run(TYPESCRIPT, "node_modules/.bin/tsc", "--noEmit")

    types = (generated / "graphql.ts").read_text(encoding="utf-8")
    assert "amount: string, currency: Currency" in types
    assert "birthDate: string | null" in types
    assert "openedAt: string" in types
    # Of a @oneOf input exactly one field can be given.
    assert "number: string; phone?: never" in types


def test_ariadne_codegen_gives_a_client_that_mypy_accepts() -> None:
    need(PYTHON, ".venv/bin/ariadne-codegen")
    generated = PYTHON / "bank360_client"
    shutil.rmtree(generated, ignore_errors=True)

    run(PYTHON, ".venv/bin/ariadne-codegen")
    run(PYTHON, ".venv/bin/mypy")

    assert "amount: Decimal" in (generated / "fragments.py").read_text(encoding="utf-8")
    types = (generated / "customer_360.py").read_text(encoding="utf-8")
    assert "birth_date: Optional[date]" in types
    assert "opened_at: datetime" in types
