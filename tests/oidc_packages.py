"""The issuer and the client of tests/oidc, which need Node.js and their packages."""

import shutil
from pathlib import Path

FOLDER = Path(__file__).parent / "oidc"


def missing() -> str:
    """Say what is not on this machine; empty when they can be started."""
    node = shutil.which("node")
    if node is None:
        return "not on this machine: node"
    if not (FOLDER / "node_modules/oidc-provider").is_dir():
        return "the packages of tests/oidc are not installed: run `npm ci` there"
    return ""
