"""Proving that a record stands in the audit trail."""

from app.db.audit_proof import Proof, prove
from app.planner.errors import bad_input
from app.resolvers.context import Context

PREFIX = "aud"


async def find(context: Context, global_id: str) -> Proof | None:
    """Give the proof of an audit record, or None where none with the id has a position."""
    wanted = context.reader.identities.read(global_id)
    if wanted.prefix != PREFIX or wanted.owner != wanted.id:
        message = f"the id of an audit record begins with '{PREFIX}_' and has 32 digits"
        raise bad_input(message)
    return await prove(context.reader.run, wanted.id)
