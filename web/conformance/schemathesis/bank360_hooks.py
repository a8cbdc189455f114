"""What schemathesis has to know of bank360: its scalars, and how its errors must look."""

import json
from datetime import UTC
from typing import Final

import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

# INTERNAL_SERVER_ERROR, our own fault, is left out: it is what the run looks for.
CODES: Final = frozenset(
    {
        "BAD_REQUEST",
        "BAD_USER_INPUT",
        "LIMIT_EXCEEDED",
        "RATE_LIMITED",
        "UNAUTHENTICATED",
        "FORBIDDEN",
        "STEP_UP_REQUIRED",
    }
)

FAULTS_FROM: Final = 500


def _scalar(name: str, values: st.SearchStrategy[str]) -> None:
    """Tell schemathesis a scalar's values, and now and then one that it refuses."""
    texts = st.one_of(values, values, values, values, st.text())
    schemathesis.graphql.scalar(name, texts.map(nodes.String))


_scalar("Decimal", st.decimals(places=2, allow_nan=False, allow_infinity=False).map(str))
_scalar("Date", st.dates().map(str))
_scalar("DateTime", st.datetimes(timezones=st.just(UTC)).map(lambda time: time.isoformat()))


@schemathesis.check
def only_errors_of_the_closed_list(
    _context: object, response: schemathesis.Response, _case: object
) -> None:
    """No fault of the server: no status of 5xx, JSON, and a code of the list for each error."""
    if response.status_code >= FAULTS_FROM:
        message = f"status {response.status_code}: {response.text}"
        raise AssertionError(message)
    try:
        answer = response.json()
    except json.JSONDecodeError as error:
        message = f"status {response.status_code} without JSON"
        raise AssertionError(message) from error
    for told in answer.get("errors", []):
        code = told.get("extensions", {}).get("code")
        if code not in CODES:
            message = f"an error with the code {code}: {json.dumps(told, ensure_ascii=False)}"
            raise AssertionError(message)
