"""Trusted documents: those that front ends were built with, known before anybody asks.

They come in manifests, as clients' build tools write them: Apollo's persisted query manifest, or
Relay's map of ids and texts. Clients send an id in place of the document.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import orjson
from graphql import GraphQLError

from app.auth.permissions import Role
from app.auth.viewer import Viewer
from app.planner.errors import FORBIDDEN, RefusedError
from app.request import SHA256_PREFIX

_APOLLO: Final = "apollo-persisted-query-manifest"
_VERSION: Final = 1
_FAULTS_SHOWN: Final = 10
# Who may send nothing else.
Bound = Literal["nobody", "customers", "everyone"]


class ManifestError(Exception):
    """A manifest that cannot be used; the text says which document is wrong, and where."""


@dataclass(frozen=True)
class Trusted:
    """A document of a manifest: ``name`` is for people."""

    id: str
    name: str
    text: str
    path: Path

    @property
    def digest(self) -> str:
        """The SHA-256 of the text."""
        return sha256(self.text.encode()).hexdigest()

    def fault(self, errors: Sequence[GraphQLError]) -> str:
        """Say what is wrong with the document."""
        (error, *_) = errors
        place = ""
        if error.locations:
            place = f"line {error.locations[0].line}, column {error.locations[0].column}: "
        named = f"{self.name} ({self.id})" if self.name != self.id else self.id
        return f"{self.path}: document {named}: {place}{error.message}"


@dataclass(frozen=True)
class TrustedDocuments:
    """The documents of some manifests, and who may send nothing else (``bound``)."""

    bound: Bound = "nobody"
    documents: Sequence[Trusted] = ()
    _texts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, paths: Sequence[Path], bound: Bound) -> "TrustedDocuments":
        """Read manifests; raises ManifestError for one that is unreadable or contradicts itself."""
        if bound != "nobody" and not paths:
            message = f"only trusted documents are taken from {bound}, but no manifest is named"
            raise ManifestError(message)
        documents = [each for path in paths for each in _read(path)]
        texts: dict[str, str] = {}
        for each in documents:
            if texts.setdefault(each.id, each.text) != each.text:
                message = f"{each.path}: document {each.id}: another document has this id"
                raise ManifestError(message)
        by_digest = {f"{SHA256_PREFIX}{each.digest}": each.text for each in documents}
        for each in documents:
            if each.id.startswith(SHA256_PREFIX) and each.id not in by_digest:
                message = f"{each.path}: document {each.id}: this is not the SHA-256 of its text"
                raise ManifestError(message)
        return cls(bound, documents, texts | by_digest)

    def text(self, document_id: str) -> str | None:
        """Give the text of an id: ``sha256:`` and the hash of the text, or the manifest's own.

        Apollo's clients call the manifest's id a hash, whatever it is.
        """
        known = self._texts.get(document_id)
        return known or self._texts.get(document_id.removeprefix(SHA256_PREFIX))

    def trusts(self, text: str) -> bool:
        """Tell whether a document that is sent in full is a trusted one."""
        return f"{SHA256_PREFIX}{sha256(text.encode()).hexdigest()}" in self._texts

    def binds(self, viewer: Viewer) -> bool:
        """Tell whether a viewer may send nothing else."""
        if self.bound == "customers":
            return viewer.role is Role.CUSTOMER
        return self.bound == "everyone"


def refusal() -> RefusedError:
    """Refuse a document that is not trusted."""
    message = "this is not a trusted document: send the id of one that the app was built with"
    return RefusedError(message, FORBIDDEN)


def faults(found: Sequence[str]) -> ManifestError:
    """Tell of several documents at once, not of too many."""
    more = len(found) - _FAULTS_SHOWN
    rest = [f"and {more} more"] if more > 0 else []
    return ManifestError("\n".join([*found[:_FAULTS_SHOWN], *rest]))


def _read(path: Path) -> Iterator[Trusted]:
    try:
        found = orjson.loads(path.read_bytes())
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise ManifestError(message) from error
    except orjson.JSONDecodeError as error:
        message = f"{path}: line {error.lineno}, column {error.colno}: {error.msg}"
        raise ManifestError(message) from error
    if not isinstance(found, dict):
        message = f"{path}: a manifest is a JSON object"
        raise ManifestError(message)
    operations = _of_apollo(path, found) if "format" in found else found.items()
    for n, given in enumerate(operations, 1):
        if not all(isinstance(each, str) for each in given):
            message = f"{path}: operation {n}: id and document must be texts"
            raise ManifestError(message)
        document_id, text, *name = given
        yield Trusted(document_id, name[0] if name else document_id, text, path)


def _of_apollo(path: Path, found: Mapping[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    if found["format"] != _APOLLO or found.get("version") != _VERSION:
        message = f"{path}: the format must be {_APOLLO}, version {_VERSION}"
        raise ManifestError(message)
    operations = found.get("operations")
    if not isinstance(operations, list):
        message = f"{path}: 'operations' must be a list"
        raise ManifestError(message)
    for n, each in enumerate(operations, 1):
        if not isinstance(each, dict):
            message = f"{path}: operation {n}: must be an object"
            raise ManifestError(message)
        document_id = each.get("id")
        yield document_id, each.get("body"), each.get("name", document_id)
