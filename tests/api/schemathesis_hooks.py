"""What OpenAPI has no words for, put right in the requests that schemathesis believes to be good, just before they are sent.

Loaded by schemathesis (`tests/api/schemathesis.toml`). Every rule here is a reason why a request that fits the schema may
still be refused; a rule that is missing shows as a failure, so no call has to be left out of any check.
"""

import os
import uuid
from typing import Any

import schemathesis
from schemathesis import Case, GenerationMode, HookContext

PLACES = ("before", "after", "around")


@schemathesis.hook
def before_call(context: HookContext, case: Case, **_: Any) -> None:
    """Put right what fits the schema. What breaks it on purpose stays as it is."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    headers, query = case.headers, case.query
    if "Idempotency-Key" in headers:
        # The same key with another body is refused (tests/api/test_idempotency.py).
        headers["Idempotency-Key"] = uuid.uuid4().hex
    for place in [name for name in PLACES if name in query][1:]:
        # At most one of them is given.
        del query[place]
    # Opaque: no other text than a page's own is one (tests/api/test_pages.py).
    query.pop("cursor", None)
    if "min_position" in query:
        # What lies far ahead is waited for (tests/api/test_freshness.py).
        query["min_position"] = 1
    if case.operation.path == "/v1/events" and "text/event-stream" not in str(headers.get("Accept", "")):
        # A page needs both; a stream does not.
        query.setdefault("after", 0)
        query.setdefault("epoch", "0")
    if (
        case.operation.path.endswith("/block")
        and case.path_parameters.get("user_id") == os.environ["SERMO_SCHEMATHESIS_ME"]
    ):
        # Nobody blocks themselves (tests/api/test_blocks.py).
        case.path_parameters["user_id"] = str(uuid.uuid4())
    if case.operation.path.endswith("/attachments") and case.method.upper() == "POST":
        # Any type but a form: the body is the file itself (tests/api/test_attachments.py).
        case.media_type, case.body = "application/octet-stream", b"a file"
        headers["Content-Type"] = case.media_type
    if isinstance(case.body, dict) and isinstance(case.body.get("name"), str):
        # Which code points are assigned depends on the version of Unicode; schemathesis takes whole blocks for a category.
        case.body["name"] = "".join(c if c.isprintable() else "-" for c in case.body["name"])
    if isinstance(case.body, dict) and isinstance(case.body.get("content"), str):
        # It may be empty where there are attachments; in them lies what makes a message of nothing.
        case.body["content"] += "."
        case.body["content"] = case.body["content"][-4096:]
    if isinstance(case.body, dict) and "seq" in case.body:
        # Nobody has read what is not there yet. (And JSON Schema calls 1.0 an integer, which is not taken for one.)
        case.body["seq"] = 1
