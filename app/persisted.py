"""Automatic persisted queries: clients send a document once, and from then on its SHA-256.

The protocol is Apollo's: ``extensions.persistedQuery {version: 1, sha256Hash}``. Recent documents
stand in this process, all of them in Redis.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from app.db.documents import Documents
from app.db.redis import NotAnsweringError
from app.metrics import Metrics
from app.planner.errors import RefusedError

NOT_FOUND: Final = "PERSISTED_QUERY_NOT_FOUND"
NOT_SUPPORTED: Final = "PERSISTED_QUERY_NOT_SUPPORTED"
DOCUMENT_LENGTH_MAX: Final = 16_384
_RECENT_MAX: Final = 1_000


@dataclass(frozen=True)
class PersistedQueries:
    """The documents that clients may name by hash; ``documents`` is None where that is off."""

    documents: Documents | None
    metrics: Metrics
    _recent: OrderedDict[str, str] = field(default_factory=OrderedDict)

    async def find(self, digest: str | None) -> str | RefusedError:
        """Give the document with this hash, or the error that has the client send it.

        Without a hash a client named a trusted document that there is not.
        """
        if digest is None:
            return RefusedError("no document has this id", NOT_FOUND)
        if self.documents is None:
            return RefusedError("PersistedQueryNotSupported", NOT_SUPPORTED)
        text = self._recent.get(digest)
        if text is None:
            try:
                text = await self.documents.get(digest)
            except NotAnsweringError:
                text = None
        if text is None:
            self.metrics.persisted_queries.labels("not_found").inc()
            return RefusedError("PersistedQueryNotFound", NOT_FOUND)
        self.metrics.persisted_queries.labels("found").inc()
        self._remember(digest, text)
        return text

    async def keep(self, digest: str, text: str) -> None:
        """Keep a valid document under its hash; longer ones than most are sent in full always.

        Without Redis this process alone knows it.
        """
        if self.documents is None or len(text) > DOCUMENT_LENGTH_MAX or digest in self._recent:
            return
        self._remember(digest, text)
        try:
            await self.documents.put(digest, text)
        except NotAnsweringError:
            return
        self.metrics.persisted_queries.labels("stored").inc()

    def _remember(self, digest: str, text: str) -> None:
        self._recent[digest] = text
        self._recent.move_to_end(digest)
        if len(self._recent) > _RECENT_MAX:
            self._recent.popitem(last=False)
