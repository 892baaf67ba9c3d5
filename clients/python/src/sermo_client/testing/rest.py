"""The calls of REST that a fake server answers: what the client asks by itself, and what a replica is loaded with."""

from typing import Any
from uuid import UUID

from sermo_client.testing.wire import Call
from sermo_client.testing.world import Json, Person, Post, Room, World

NOT_FOUND = 404, {"code": "not_found"}


def answer(world: World, call: Call) -> tuple[int, Any]:
    """Status and body."""
    parts = call.path.strip("/").split("/")[1:]
    if parts[0] == "auth":
        return _auth(world, parts[-1], call.body or {})
    me = next((one for one in world.people.values() if one.token == call.token), None)
    if me is None:
        return 401, {"code": "unauthenticated"}
    match call.method, parts:
        case "GET", ["me"]:
            return 200, _user(me)
        case "GET", ["me", "channels"]:
            rooms = [_my_channel(world, channel_id, room, me) for channel_id, room in world.rooms.items()]
            mine = [one for one in rooms if one is not None]
            return 200, {"channels": mine, "position": world.head, "epoch": world.epoch}
        case "GET", ["channels", channel_id, "messages"]:
            return 200, _page(world, UUID(channel_id), call.query)
        case "GET", ["channels", channel_id, "members"]:
            room = world.rooms[UUID(channel_id)]
            members = [
                {"user_id": user_id, "role": role, "joined_at": room.joined_at[user_id]}
                for user_id, role in room.roles.items()
            ]
            return 200, {"members": members, "next_cursor": None}
    return NOT_FOUND


def _auth(world: World, what: str, body: Json) -> tuple[int, Any]:
    for person in world.people.values():
        if person.username == body.get("username") or person.refresh_token == body.get("refresh_token"):
            tokens = {"access_token": person.token, "refresh_token": person.refresh_token, "expires_in": 900}
            return 200, {"user": _user(person), **tokens}
    return 401, {"code": "invalid_credentials" if what == "login" else "unauthenticated"}


def _user(person: Person) -> Json:
    return {"user_id": person.user_id, "username": person.username}


def _my_channel(world: World, channel_id: UUID, room: Room, me: Person) -> Json | None:
    if me.user_id not in room.roles:
        return None
    return {
        "channel_id": channel_id,
        "kind": room.kind,
        "name": room.name,
        "topic": "",
        "created_by": room.created_by,
        "created_at": room.created_at,
        "member_count": len(room.roles),
        "role": room.roles[me.user_id],
        "level": room.levels.get(me.user_id, "all"),
        **world.unread(me.user_id, channel_id),
        "read_seq": room.read_seqs[me.user_id],
        "head_seq": world.head_seq(channel_id),
        "last_message": None,
    }


def _page(world: World, channel_id: UUID, query: dict[str, str]) -> Json:
    limit, before = int(query.get("limit", "50")), int(query.get("before", str(2**53)))
    shown = sorted(
        (
            (message_id, post)
            for message_id, post in world.posts.items()
            if post.channel_id == channel_id and (post.parent_id is None or post.also_to_channel) and post.seq < before
        ),
        key=lambda one: one[1].seq,
    )
    page = shown[-limit:]
    return {
        "messages": [_message(message_id, post) for message_id, post in page],
        "has_more_before": len(shown) > len(page),
        "has_more_after": "before" in query,
        "position": world.head,
    }


def _message(message_id: UUID, post: Post) -> Json:
    return {
        "message_id": message_id,
        "channel_id": post.channel_id,
        "seq": post.seq,
        "author_id": post.author_id,
        "content": post.content,
        "created_at": post.created_at,
        "edited_at": post.edited_at,
        "deleted_at": post.deleted_at,
        "parent_id": post.parent_id,
        "also_to_channel": post.also_to_channel,
        "pinned": post.pinned,
        "reactions": [
            {"emoji": emoji, "count": len(people), "user_ids": people} for emoji, people in post.reactions.items()
        ],
    }
