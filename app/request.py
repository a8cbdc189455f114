"""GraphQL requests, however they arrive: what they may hold, and how they are refused."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

BAD_REQUEST: Final = "BAD_REQUEST"


class RequestError(Exception):
    """A request that is refused before anything runs."""

    def __init__(self, status: int, message: str, code: str, **headers: str) -> None:
        """Take the HTTP status, the sentence and code of the GraphQL error, and extra headers."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True)
class GraphQLRequest:
    """A checked request (GraphQL over HTTP, section "Request parameters")."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


def read_json(text: bytes | str, what: str) -> Any:
    """Parse JSON; ``what`` names it in the refusal."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        message = f"{what} is not valid JSON in UTF-8"
        raise RequestError(400, message, BAD_REQUEST) from error


def check_request(given: Any) -> GraphQLRequest:
    """Check a request's parameters."""
    if not isinstance(given, dict):
        message = "the body must be a JSON object with the field 'query'"
        raise RequestError(400, message, BAD_REQUEST)
    query, variables, name = (given.get(key) for key in ("query", "variables", "operationName"))
    if not isinstance(query, str):
        message = "the field 'query' must be a text"
        raise RequestError(400, message, BAD_REQUEST)
    if variables is not None and not isinstance(variables, dict):
        message = "the field 'variables' must be an object"
        raise RequestError(400, message, BAD_REQUEST)
    if name is not None and not isinstance(name, str):
        message = "the field 'operationName' must be a text"
        raise RequestError(400, message, BAD_REQUEST)
    if not isinstance(given.get("extensions", {}), dict | None):
        message = "the field 'extensions' must be an object"
        raise RequestError(400, message, BAD_REQUEST)
    return GraphQLRequest(query, variables, name)
