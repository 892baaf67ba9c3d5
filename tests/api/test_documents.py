"""The OpenAPI document, and the page made from it."""

import re

import pytest

from tests.fixtures.server import Server

CALLS = [
    ("post", "/v1/auth/register"),
    ("post", "/v1/auth/login"),
    ("post", "/v1/auth/refresh"),
    ("post", "/v1/auth/logout"),
    ("get", "/v1/me"),
    ("patch", "/v1/me"),
    ("get", "/v1/users"),
    ("get", "/v1/users/{user_id}"),
    ("post", "/v1/me/deactivate"),
    ("post", "/v1/users/{user_id}/deactivate"),
    ("post", "/v1/users/{user_id}/reactivate"),
    ("put", "/v1/users/{user_id}/block"),
    ("delete", "/v1/users/{user_id}/block"),
    ("get", "/v1/me/blocks"),
    ("post", "/v1/messages/{message_id}/report"),
    ("get", "/v1/admin/reports"),
    ("post", "/v1/admin/reports/{report_id}/resolve"),
    ("get", "/v1/admin/metrics"),
    ("post", "/v1/channels"),
    ("get", "/v1/channels"),
    ("post", "/v1/directs"),
    ("get", "/v1/channels/{channel_id}"),
    ("patch", "/v1/channels/{channel_id}"),
    ("delete", "/v1/channels/{channel_id}"),
    ("post", "/v1/channels/{channel_id}/archive"),
    ("post", "/v1/channels/{channel_id}/unarchive"),
    ("post", "/v1/channels/{channel_id}/join"),
    ("post", "/v1/channels/{channel_id}/leave"),
    ("get", "/v1/channels/{channel_id}/members"),
    ("put", "/v1/channels/{channel_id}/members/{user_id}"),
    ("delete", "/v1/channels/{channel_id}/members/{user_id}"),
    ("post", "/v1/channels/{channel_id}/invitations"),
    ("get", "/v1/channels/{channel_id}/invitations"),
    ("delete", "/v1/channels/{channel_id}/invitations/{invitation_id}"),
    ("get", "/v1/invitations/{code}"),
    ("post", "/v1/invitations/{code}/join"),
    ("post", "/v1/channels/{channel_id}/messages"),
    ("get", "/v1/channels/{channel_id}/messages"),
    ("get", "/v1/messages/{message_id}"),
    ("patch", "/v1/messages/{message_id}"),
    ("delete", "/v1/messages/{message_id}"),
    ("get", "/v1/messages/{message_id}/replies"),
    ("get", "/v1/messages/{message_id}/history"),
    ("put", "/v1/messages/{message_id}/pin"),
    ("delete", "/v1/messages/{message_id}/pin"),
    ("get", "/v1/channels/{channel_id}/pins"),
    ("put", "/v1/messages/{message_id}/reactions/{emoji}"),
    ("delete", "/v1/messages/{message_id}/reactions/{emoji}"),
    ("get", "/v1/messages/{message_id}/reactions"),
    ("put", "/v1/channels/{channel_id}/read"),
    ("put", "/v1/threads/{message_id}/read"),
    ("get", "/v1/me/channels"),
    ("get", "/v1/me/unread"),
    ("post", "/v1/ws-ticket"),
    ("get", "/health/live"),
    ("get", "/health/ready"),
]


async def test_the_document_has_every_call_with_its_refusals(server: Server) -> None:
    """OpenAPI 3.1, with problem documents, security, and references that lead somewhere."""
    answer = await server.http.get("/openapi.json")
    assert answer.status_code == 200
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    for verb, path in CALLS:
        operation = document["paths"][path][verb]
        if path.startswith("/v1/"):
            assert "application/problem+json" in operation["responses"]["400"]["content"], path
        assert operation["description"]
    assert document["paths"]["/v1/auth/login"]["post"]["security"] == [{}]
    assert {"200", "201"} <= document["paths"]["/v1/directs"]["post"]["responses"].keys()
    assert document["security"] == [{"bearer": []}]
    for reference in re.findall(r'"\$ref":\s*"#/components/schemas/([^"]+)"', answer.text):
        assert reference in document["components"]["schemas"]
    operation_ids = [o["operationId"] for p in document["paths"].values() for o in p.values() if "operationId" in o]
    assert len(operation_ids) == len(set(operation_ids))


@pytest.mark.parametrize("path", ["/docs"])
async def test_the_page_needs_no_internet(server: Server, path: str) -> None:
    """No address of another host, no script."""
    answer = await server.http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert not re.search(r"https?://|//[a-z0-9.-]+\.[a-z]+/|<script|<link|<img|@import|url\(", answer.text)
    for _, call in CALLS:
        assert call in answer.text
