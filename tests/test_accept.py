"""The header Accept: precision, weights, then order."""

import pytest

from app.accept import preferred

JSON = "application/json"
NEWER = "application/graphql-response+json"
STREAM = "text/event-stream"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/*", STREAM),
        (JSON, JSON),
        (NEWER, NEWER),
        (STREAM, STREAM),
        ("Application/JSON; charset=utf-8", JSON),
        # Apollo Client 3 and 4, with and without @defer; urql.
        ("*/*, application/json", JSON),
        ("application/graphql-response+json,application/json;q=0.9", NEWER),
        ("multipart/mixed;deferSpec=20220824,application/graphql-response+json", NEWER),
        (f"{NEWER}, application/graphql+json, {JSON}, {STREAM}, multipart/mixed", NEWER),
        ("application/json, text/event-stream, multipart/mixed", JSON),
        ("text/event-stream, application/json", STREAM),
        ("text/event-stream, multipart/mixed", STREAM),
        ("application/json;q=0.5, text/event-stream", STREAM),
        ("application/json, text/event-stream;q=0.9", JSON),
        ("text/event-stream;q=0.5, application/json;q=0.4, */*;q=0.1", STREAM),
        ("application/json;q=0.1, */*", NEWER),
        ("application/json;q=0, */*", NEWER),
        ("text/html, */*;q=0.1", JSON),
        ("*/*;q=0.8, text/event-stream;q=0.8", JSON),
        ("text/html", None),
        ("multipart/mixed", None),
        ("*/*;q=0", None),
        ("application/json;q=0.000", None),
        ("application/json;q=2", None),
        ("application/json;q=nan", None),
        ("application/json;q=", None),
        ("nonsense", None),
        (",;=,", None),
    ],
)
def test_the_media_type_that_is_liked_best(accept: str, chosen: str | None) -> None:
    assert preferred(accept, (JSON, NEWER, STREAM)) == chosen
