"""The proof that a record stands in the audit trail as it was written."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db import audit_chain
from app.db.audit_proof import Proof
from app.planner.declare import object_type
from app.planner.global_id import format_id
from app.resolvers import audit_proof
from app.resolvers.context import Context


@object_type(public=True, description="The audit trail up to a position, signed by the bank.")
class AuditHead:
    """A signed head."""

    position: Decimal = strawberry.field(description="The last position that it covers.")
    hash: str = strawberry.field(description="The chain's hash there: 64 hexadecimal digits.")
    signed_at: datetime = strawberry.field(description="When it was signed.")
    statement: str = strawberry.field(
        description="The text that is signed: `bank360 audit head`, position, hash and time."
    )
    signature: str = strawberry.field(
        description="Ed25519 (RFC 8032) over the statement: 128 hexadecimal digits."
    )

    @classmethod
    def of(cls, head: audit_chain.Head) -> "AuditHead":
        """Make it of what is stored."""
        return cls(
            position=Decimal(head.position),
            hash=head.hash.hex(),
            signed_at=head.signed_at,
            statement=head.statement,
            signature=head.signature.hex(),
        )


@object_type(public=True, description="A record's part in the chain; it tells no content.")
class AuditProofStep:
    """A record's part in the chain."""

    position: Decimal = strawberry.field(description="Its position in the audit trail.")
    record_id: strawberry.ID = strawberry.field(
        description="The record's id: `aud_` and the 32 digits that the chain's hash takes in."
    )
    record_hash: str = strawberry.field(
        description="The bank's keyed hash of the record's content: 64 hexadecimal digits."
    )


@object_type(
    requires=Permission.AUDIT_READ,
    description=(
        "What shows that a record stands in the audit trail as it was written: begin with "
        "`previousHash`, hash each step in turn with SHA-256 (hash before, position as 8 bytes, "
        "the 16 bytes of the id, the hash of the record), and compare with the head's hash."
    ),
)
class AuditProof:
    """The way from a record to a signed head."""

    position: Decimal = strawberry.field(description="The record's position in the audit trail.")
    record_hash: str = strawberry.field(
        description="The bank's keyed hash of the record's content: 64 hexadecimal digits."
    )
    previous_hash: str = strawberry.field(
        description="The chain's hash before the record; 64 zeros before the first."
    )
    steps: list[AuditProofStep] = strawberry.field(
        description="The record itself and those after it, up to the head: at most 256."
    )
    head: AuditHead | None = strawberry.field(
        description="The next signed head; null for the second until there is one."
    )
    public_key: str = strawberry.field(
        description="The key that checks the head, Ed25519: 64 hexadecimal digits."
    )

    @classmethod
    def of(cls, proof: Proof, public_key: bytes) -> "AuditProof":
        """Make it of what was found."""
        steps = [
            AuditProofStep(
                position=Decimal(step.position),
                record_id=strawberry.ID(
                    format_id(audit_proof.PREFIX, step.record_id, step.record_id)
                ),
                record_hash=step.record_mac.hex(),
            )
            for step in proof.steps
        ]
        return cls(
            position=steps[0].position,
            record_hash=steps[0].record_hash,
            previous_hash=proof.previous.hex(),
            steps=steps,
            head=AuditHead.of(proof.head) if proof.head else None,
            public_key=public_key.hex(),
        )


async def make_proof(context: Context, id: str) -> AuditProof | None:  # noqa: A002  # Relay's name.
    """Give the proof of an audit record."""
    found = await audit_proof.find(context, id)
    if found is None:
        return None
    return AuditProof.of(found, context.writes.keys.audit.public.public_bytes_raw())


async def find_proof(
    info: Info[Context, None],
    id: Annotated[  # noqa: A002  # Relay's name.
        strawberry.ID, strawberry.argument(description="An audit record's id.")
    ],
) -> AuditProof | None:
    """Resolve ``Query.auditProof``."""
    return await make_proof(info.context, id)
