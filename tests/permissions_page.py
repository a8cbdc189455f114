"""Writes ``docs/permissions.md`` from the schema: ``python tests/permissions_page.py``."""

from collections import defaultdict
from pathlib import Path

from graphql import GraphQLObjectType

from app.auth.approvals import FOUR_EYES
from app.auth.permissions import MATRIX, PSEUDONYMOUS, Mask, Permission, Role
from app.auth.scopes import REPORT_SCOPES, ROW_SCOPES, ScopeKind
from app.planner.enforcement import guarded_fields, type_guard
from app.schema.root import graphql_schema

PAGE = Path(__file__).parents[1] / "docs" / "permissions.md"
SHORT = {
    Role.CUSTOMER: "CU",
    Role.TELLER: "TE",
    Role.RELATIONSHIP_MANAGER: "RM",
    Role.WEALTH_ADVISOR: "WA",
    Role.SERVICE_AGENT: "SA",
    Role.LOAN_OFFICER: "LO",
    Role.BRANCH_MANAGER: "BM",
    Role.RISK_OFFICER: "RO",
    Role.MARKETER: "MA",
    Role.ANALYST: "AN",
    Role.EXECUTIVE: "EX",
    Role.COMPLIANCE: "CO",
    Role.ADMIN: "AD",
}
INTRODUCTION = """# Who may see what

This page is written from the code (`python tests/permissions_page.py`) and checked by a
test. `schema.graphql` shows the same as `@auth` on each field and type, and the query
`accessMatrix(role)` answers it to front ends.

A request acts in exactly one post. A cell says what the post sees: **●** the value, **◐** the
value masked, **○** the value after strong authentication, nothing otherwise. What a post does not
see is `null`, with one error `FORBIDDEN` (or `STEP_UP_REQUIRED`) for each selection; what it sees
masked is listed in `extensions.masked`. Filters and orders by what is masked or not seen are
refused.
"""

SCOPES = """## Customers

A post comes to some customers only, with all that is theirs. Everybody else's rows are `null` or
left out, as if they did not exist, and counted nowhere. Whoever sees a customer also sees the
accounts of others that the customer uses, with their bookings and standing orders, but not the
owners. Customers see of the staff only who is in charge of them. The bank's own rows are nobody's.
"""


def page() -> str:
    """Give the page's text."""
    return "\n".join(
        [INTRODUCTION, *_posts(), *_permissions(), *_four_eyes(), *_masks(), *_fields()]
    )


def _posts() -> list[str]:
    head = ["| | post | | customers | in reports |", "| --- | --- | --- | --- | --- |"]
    lines = ["## Posts", "", *head]
    for role, short in SHORT.items():
        sealed = " Ids are sealed, names are pseudonyms." if role in PSEUDONYMOUS else ""
        rows = f"{ROW_SCOPES[role]} | {REPORT_SCOPES[role]}"
        lines.append(f"| {short} | `{role}` | {role.description}{sealed} | {rows} |")
    return [*lines, "", *_scopes()]


def _scopes() -> list[str]:
    lines = [SCOPES, "| customers | |", "| --- | --- |"]
    return [*lines, *(f"| {kind} | {kind.description} |" for kind in ScopeKind), ""]


def _permissions() -> list[str]:
    head = "| permission | what | class | " + " | ".join(SHORT.values()) + " |"
    lines = ["## Permissions", "", head, "| --- " * (3 + len(SHORT)) + "|"]
    for permission, grant in MATRIX.items():
        cells = []
        for role in SHORT:
            cell = "●" if role in grant.clear else "◐" if role in grant.masked else ""
            cells.append("○" if role in grant.step_up else cell)
        shown = f"`{permission}` | {permission.description} | {grant.data_class}"
        lines.append(f"| {shown} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _four_eyes() -> list[str]:
    head = "| nobody does alone | when | one of these approves | within |"
    lines = ["## Four eyes", "", head, "| --- | --- | --- | --- |"]
    for command, rule in FOUR_EYES.items():
        posts = ", ".join(f"`{role}`" for role in Role if role in rule.checkers)
        when = "always" if rule.always else "above the limit of the post"
        lines.append(f"| `{command}` | {when} | {posts} | {rule.lasts.days} d |")
    return [*lines, ""]


def _masks() -> list[str]:
    lines = ["## Masks", "", "| mask | what stays |", "| --- | --- |"]
    return [*lines, *(f"| `{mask}` | {mask.description} |" for mask in Mask), ""]


def _fields() -> list[str]:
    """List, by permission, the types and fields that declare it."""
    guarded: dict[Permission, list[str]] = defaultdict(list)
    for type_ in graphql_schema().type_map.values():
        guard = type_guard(type_) if isinstance(type_, GraphQLObjectType) else None
        if guard and guard.permission:
            guarded[guard.permission].append(f"every `{type_.name}`")
    for type_, name, _, needs in guarded_fields(graphql_schema()):
        if needs.own and needs.own.permission:
            mask = f" (mask `{needs.mask}`)" if needs.mask else ""
            guarded[needs.own.permission].append(f"`{type_.name}.{name}`{mask}")
    lines = ["## Types and fields", ""]
    lines += ["| permission | guards |", "| --- | --- |"]
    for permission in MATRIX:
        lines.append(f"| `{permission}` | " + ", ".join(sorted(guarded[permission])) + " |")
    return [*lines, ""]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
