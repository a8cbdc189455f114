"""Who is signed in."""

import strawberry

from app.auth.permissions import Role
from app.planner.declare import object_type


@object_type(public=True, description="Who is asking, and as what.")
class Viewer:
    """Who is asking."""

    acting_role: Role = strawberry.field(description="The post that this request acts in.")
    roles: list[Role] = strawberry.field(description="Every post that the person holds.")
    strongly_authenticated: bool = strawberry.field(
        description="Signed in with more than a password."
    )
