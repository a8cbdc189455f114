"""GraphQL requests, however they arrive: what they may hold, and how they are refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

import orjson

from app.domain.problem import Language

BAD_REQUEST: Final = "BAD_REQUEST"
# How ids begin that are the hash of a document (GraphQL over HTTP, appendix "Persisted Documents").
SHA256_PREFIX: Final = "sha256:"
_DIGEST: Final = re.compile("[0-9a-f]{64}")
# Where clients name a document: as the appendix says, or as Relay's documentation does.
_DOCUMENT_IDS: Final = ("documentId", "doc_id")


class RequestError(Exception):
    """A request that is refused before anything runs."""

    def __init__(self, status: int, message: str, code: str, **headers: str) -> None:
        """Take the HTTP status, the sentence and code of the GraphQL error, and extra headers."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.extensions: Mapping[str, Any] = {"code": code}


@dataclass(frozen=True)
class GraphQLRequest:
    """A checked request (GraphQL over HTTP, section "Request parameters").

    ``document_id`` names a persisted document; without it there is always a ``query``. Both come
    from a client that registers a document, whose ``digest``, its SHA-256 in hexadecimal, is then
    the id. ``read_only`` requests may change nothing; ``language``
    is what sentences for people come in. ``reports_cost`` adds what the operation cost to the
    answer. Of one that ``streams`` several answers can be told, as subscriptions give.
    """

    query: str | None
    variables: dict[str, Any] | None
    operation_name: str | None
    document_id: str | None = None
    read_only: bool = False
    language: Language = Language.EN
    reports_cost: bool = False
    streams: bool = False

    @property
    def digest(self) -> str | None:
        """The hash that the document is named by, where it is named by its hash."""
        named = self.document_id
        if named is None or not named.startswith(SHA256_PREFIX):
            return None
        return named.removeprefix(SHA256_PREFIX)


def bearer_token(authorization: str) -> str:
    """Give the token of an ``Authorization`` header (RFC 6750); empty where there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def read_json(text: bytes | str, what: str) -> Any:
    """Parse JSON; ``what`` names it in the refusal."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        message = f"{what} is not valid JSON in UTF-8"
        raise RequestError(400, message, BAD_REQUEST) from error


def check_request(given: Any) -> GraphQLRequest:
    """Check a request's parameters."""
    if isinstance(given, list):
        message = "batches are not answered: send each operation in a request of its own"
        raise RequestError(400, message, BAD_REQUEST)
    if not isinstance(given, dict):
        message = "the body must be a JSON object with the field 'query'"
        raise RequestError(400, message, BAD_REQUEST)
    document_id = _document_id(given)
    query, variables, name = (given.get(key) for key in ("query", "variables", "operationName"))
    if not isinstance(query, str) and not (query is None and document_id):
        message = "the field 'query' must be a text"
        raise RequestError(400, message, BAD_REQUEST)
    if variables is not None and not isinstance(variables, dict):
        message = "the field 'variables' must be an object"
        raise RequestError(400, message, BAD_REQUEST)
    if name is not None and not isinstance(name, str):
        message = "the field 'operationName' must be a text"
        raise RequestError(400, message, BAD_REQUEST)
    asked = GraphQLRequest(query, variables, name, document_id)
    if query is not None and document_id:
        _check_registration(query, asked.digest)
    reports_cost = (given.get("extensions") or {}).get("cost") is True
    return replace(asked, reports_cost=reports_cost)


def _check_registration(query: str, digest: str | None) -> None:
    """Check that a document that comes with its id is named by its hash."""
    if digest is None:
        message = "send a 'query', or the id of a document, not both"
        raise RequestError(400, message, BAD_REQUEST)
    if sha256(query.encode()).hexdigest() != digest:
        message = "the given SHA-256 is not the SHA-256 of the query"
        raise RequestError(400, message, BAD_REQUEST)


def _document_id(given: Mapping[str, Any]) -> str | None:
    """Find the id that a request names its document by."""
    digest = _digest(given.get("extensions"))
    if digest is not None:
        return f"{SHA256_PREFIX}{digest}"
    for name in _DOCUMENT_IDS:
        found = given.get(name)
        if found is None:
            continue
        if not isinstance(found, str) or not found:
            message = f"the field '{name}' must be a text that is not empty"
            raise RequestError(400, message, BAD_REQUEST)
        if found.startswith(SHA256_PREFIX) and not _DIGEST.fullmatch(
            found.removeprefix(SHA256_PREFIX)
        ):
            message = f"the field '{name}' must have 64 hexadecimal digits, in small letters"
            raise RequestError(400, message, BAD_REQUEST)
        return found
    return None


def _digest(extensions: Any) -> str | None:
    """Read the extension of persisted queries, where the request has it."""
    if not isinstance(extensions, dict | None):
        message = "the field 'extensions' must be an object"
        raise RequestError(400, message, BAD_REQUEST)
    persisted = (extensions or {}).get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        message = "extensions.persistedQuery must be an object with the version 1"
        raise RequestError(400, message, BAD_REQUEST)
    digest = persisted.get("sha256Hash")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest.lower()):
        message = "persistedQuery.sha256Hash must be a SHA-256: 64 hexadecimal digits"
        raise RequestError(400, message, BAD_REQUEST)
    return digest.lower()
