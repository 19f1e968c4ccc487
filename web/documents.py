"""Persisted documents: a client sends a document's text once, then its SHA-256 only."""

import hashlib
from collections import OrderedDict

from resolvers.engine import GraphQLRequest
from web.guard import Refused

DOCUMENTS_BYTES = 8 * 1024 * 1024


class Documents:
    """The documents that were sent with their hash and could be run, the least used dropped beyond 8 MiB."""

    def __init__(self, limit: int = DOCUMENTS_BYTES) -> None:
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._room = limit

    def completed(self, sent: GraphQLRequest) -> GraphQLRequest:
        """Return the request with its text. Raises NotKept for an unknown hash; refuses a hash not its own, INVALID."""
        if sent.document_hash is None:
            return sent
        if not sent.query:
            return sent._replace(query=self._recalled(sent.document_hash))
        if hashlib.sha256(sent.query.encode()).hexdigest() != sent.document_hash:
            raise Refused(400, "INVALID", "The hash is not the query's SHA-256.")
        return sent

    def keep(self, sent: GraphQLRequest) -> None:
        """Keep a document that came with its hash and was run."""
        if sent.document_hash is None or sent.document_hash in self._texts:
            return
        self._texts[sent.document_hash] = sent.query
        self._room -= len(sent.query)
        while self._room < 0:
            _, dropped = self._texts.popitem(last=False)
            self._room += len(dropped)

    def _recalled(self, document_hash: str) -> str:
        text = self._texts.get(document_hash)
        if text is None:
            raise NotKept
        self._texts.move_to_end(document_hash)
        return text


class NotKept(Exception):  # noqa: N818  an outcome: the client sends the text
    """No document with this hash is kept: the client sends it again, with its text."""
