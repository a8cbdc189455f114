"""Following requests for a second person: one's own, and those that one's post may decide."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.db.events import Event, Topic, TopicKind
from app.planner.loaders import load_row
from app.planner.projection import Projection
from app.resolvers.context import Context
from app.resolvers.following import Following, Happening


async def follow(context: Context, _given: Mapping[str, Any], approvals: Projection) -> Following:
    """Follow what the viewer asked for and what the acting role may decide."""
    viewer = context.viewer

    async def tell(now: Context, event: Event) -> Sequence[Happening]:
        # Of the requests for a post, its holders see those of the customers in their scope.
        row = await load_row(now.reader, approvals, event.customer_id, event.subject_id, ())
        return [] if row is None else [Happening(event)]

    topics = {
        Topic(TopicKind.APPROVALS_OF_MAKER, viewer.id),
        Topic(TopicKind.APPROVALS_FOR_ROLE, viewer.role.value),
    }
    return Following(frozenset(topics), tell)
