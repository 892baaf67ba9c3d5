"""Which refusals each call can give, by status, for the OpenAPI document.

Some follow from a call's form: what needs a token can be refused for want of it. The others are said here by the handler's
name. `tests/fixtures/server.py` looks at every answer that any test gets: a refusal that is not said here fails it.
"""

from collections import defaultdict
from typing import Any

from api.problems import STATUS
from domain.errors import Refusal

_CONTENT = ("content_empty", "content_too_long")
_MEMBERS = ("not_a_member",)

CODES: dict[str, tuple[str, ...]] = {
    "register": ("name_taken", "overloaded"),
    "login": ("invalid_credentials", "overloaded"),
    "refresh": ("unauthenticated", "token_expired"),
    "create_channel": ("channel_id_taken", "name_taken", "invalid_id"),
    "change_channel": ("forbidden", "archived", "name_taken"),
    "delete_channel": ("forbidden",),
    "archive_channel": ("forbidden",),
    "unarchive_channel": ("forbidden",),
    "join_channel": ("archived",),
    "leave_channel": ("not_a_member", "forbidden", "last_owner"),
    "set_member": ("forbidden", "archived", "last_owner"),
    "remove_member": ("forbidden", "last_owner"),
    "post_message": ("not_a_member", "forbidden", "archived", "message_id_taken", "invalid_id", *_CONTENT),
    "edit_message": ("not_a_member", "forbidden", "archived", *_CONTENT),
    "delete_message": ("not_a_member", "forbidden"),
    "mark_channel_read": _MEMBERS,
    "mark_thread_read": _MEMBERS,
    "mark_channel_unread": _MEMBERS,
    "mark_thread_unread": _MEMBERS,
    "follow_thread": _MEMBERS,
    "unfollow_thread": _MEMBERS,
    "set_level": _MEMBERS,
    "add_reaction": ("not_a_member", "forbidden", "archived", "limit_reached"),
    "remove_reaction": ("not_a_member", "forbidden", "archived"),
    "create_direct": ("not_found", "invalid_id", "forbidden"),
    "search_messages": ("not_found",),
    "pin_message": ("forbidden", "archived"),
    "unpin_message": ("forbidden", "archived"),
    "upload_attachment": ("not_a_member", "forbidden", "archived", "attachment_id_taken", "invalid_id"),
    "create_invitation": ("forbidden", "archived"),
    "list_invitations": ("forbidden",),
    "revoke_invitation": ("forbidden",),
    "find_users": ("forbidden",),
    "deactivate_me": ("invalid_credentials", "last_admin"),
    "deactivate_user": ("forbidden", "last_admin"),
    "reactivate_user": ("forbidden",),
    "list_reports": ("not_found",),
    "node_metrics": ("not_found",),
    "get_events": ("resync_required", "overloaded"),
}
"""Handler -> codes, beyond those of its form."""

ODD_STATUS: dict[str, dict[int, str]] = {"get_attachment": {416: "bad_request"}}
"""Handler -> status -> code, where it is not the code's usual status."""


def of(name: str, path: str, method: str, operation: dict[str, Any]) -> dict[int, frozenset[str]]:
    """The codes by status of one call."""
    if not path.startswith("/v1/"):
        return {}
    found = {"bad_request", "invalid", "rate_limited", "unavailable", *CODES.get(name, ())}
    if operation.get("security") != [{}]:
        found |= {"unauthenticated", "token_expired"}
        if method != "get":
            found |= {"overloaded", "conflict"}
        if method == "post":
            found |= {"key_reused"}
    if method != "get":
        found |= {"too_large"}
    if "{" in path:
        found |= {"not_found"}
    by_status: dict[int, set[str]] = defaultdict(set)
    for code in found:
        by_status[STATUS[code][0]].add(code)
    by_status[500].add("unavailable")  # a fault of this program
    for status, code in ODD_STATUS.get(name, {}).items():
        by_status[status].add(code)
    return {status: frozenset(codes) for status, codes in sorted(by_status.items())}


def kinds() -> dict[str, type[Refusal]]:
    """Every code with the refusal that says it best: the one right at the code."""
    found: dict[str, type[Refusal]] = {}
    waiting: list[type[Refusal]] = list(Refusal.__subclasses__())
    for kind in waiting:  # grows meanwhile
        found.setdefault(kind.code, kind)
        waiting += kind.__subclasses__()
    return found
