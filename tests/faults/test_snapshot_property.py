"""A snapshot and its position are one moment, as a property over real servers: `GET /v1/me/channels` while everyone writes,
then `connect` with its position and epoch, and the frames folded into it, is in the end what a fresh snapshot says.
"""

import asyncio
import copy
import random
from typing import Any

import pytest

from tests.fixtures.server import Person, new_id, running_server
from tests.support.wsclient import Client

STEPS = 70
SNAPSHOTS = 4

Json = dict[str, Any]


class Folded:
    """The reader's channels: a snapshot, and what the frames since then say. The rules are those of docs/protocol.md."""

    def __init__(self, user_id: str, snapshot: Json) -> None:
        self.me = user_id
        self.channels: dict[str, Json] = {c["channel_id"]: copy.deepcopy(c) for c in snapshot["channels"]}
        self.messages: dict[str, dict[str, Json]] = {channel_id: {} for channel_id in self.channels}
        self.unknown: set[str] = set()
        """Channels that the snapshot did not have: what the join does not say has to be loaded."""

    def learn(self, channel_id: str, page: Json) -> None:
        """Messages as they are now, which may be later than the snapshot: the frames between come again and change nothing."""
        for message in page["messages"]:
            self.messages[channel_id][message["message_id"]] = {
                "seq": message["seq"],
                "author_id": message["author_id"],
                "content": message["content"],
                "is_deleted": message["deleted_at"] is not None,
            }

    def fold(self, frame: Json) -> None:
        """One event frame more."""
        channel_id, data = frame.get("channel_id"), frame["data"]
        if frame["type"] == "member_joined" and data["user_id"] == self.me:
            facts = {name: data[name] for name in ("kind", "name", "topic", "role")}
            self.channels[channel_id] = {"channel_id": channel_id, "read_seq": frame["seq"], **facts}
            self.messages[channel_id] = {}
            self.unknown.add(channel_id)
        channel = self.channels.get(channel_id)
        if channel is None:
            return
        if frame["feed"] == f"channel:{channel_id}":
            channel["head_seq"] = frame["seq"]
        self._fold_channel(channel_id, channel, frame["type"], data)
        self._fold_message(self.messages.get(channel_id, {}), frame)

    def _fold_channel(self, channel_id: str, channel: Json, kind: str, data: Json) -> None:
        is_me = data.get("user_id") == self.me
        if kind == "channel_updated":
            channel |= {name: data[name] for name in ("name", "topic", "archived_at") if name in data}
        elif kind == "channel_deleted" or (kind == "member_left" and is_me):
            del self.channels[channel_id]
            self.unknown.discard(channel_id)
        elif kind in ("member_joined", "member_left") and not is_me and "member_count" in channel:
            channel["member_count"] += 1 if kind == "member_joined" else -1
        elif kind == "member_updated" and is_me:
            channel["role"] = data["role"]
        elif kind == "unread_count_updated":
            channel["read_seq"] = data["read_seq"]
        elif kind == "level_updated":
            channel["level"] = data["level"]

    def _fold_message(self, messages: dict[str, Json], frame: Json) -> None:
        kind, data = frame["type"], frame["data"]
        if kind == "new_message" or (kind == "new_reply" and data["also_to_channel"]):
            is_deleted = messages.get(data["message_id"], {}).get("is_deleted", False)
            messages[data["message_id"]] = {
                "seq": frame["seq"],
                "author_id": data["author_id"],
                "content": data["content"],
                "is_deleted": is_deleted,
            }
        elif kind == "message_updated" and data["message_id"] in messages:
            messages[data["message_id"]]["content"] = data["content"]
        elif kind == "message_deleted" and data["message_id"] in messages:
            messages[data["message_id"]]["is_deleted"] = True

    def check(self, fresh: Json) -> None:
        """It is what the fresh snapshot says: the same channels, and of each what the client could know."""
        theirs = {c["channel_id"]: c for c in fresh["channels"]}
        assert theirs.keys() == self.channels.keys()
        for channel_id, channel in self.channels.items():
            shown = {name: theirs[channel_id][name] for name in channel if name in _FOLDED}
            assert shown == {name: value for name, value in channel.items() if name in _FOLDED}
            if channel_id not in self.unknown:
                self._check_messages(channel_id, theirs[channel_id])

    def _check_messages(self, channel_id: str, theirs: Json) -> None:
        standing = sorted(
            ((m["seq"], m) for m in self.messages[channel_id].values() if not m["is_deleted"]), key=lambda pair: pair[0]
        )
        last = theirs["last_message"]
        shown = (last["seq"], last["content"]) if last is not None else None
        assert shown == ((standing[-1][0], standing[-1][1]["content"]) if standing else None)
        read_seq = self.channels[channel_id]["read_seq"]
        unread = sum(seq > read_seq and m["author_id"] != self.me for seq, m in standing)
        assert (min(unread, 100), unread > 100) == (theirs["unread_count"], theirs["unread_capped"])


_FOLDED = {"kind", "name", "topic", "archived_at", "role", "level", "member_count", "read_seq", "head_seq"}


class Writer:
    """Somebody who does whatever one may, at random; refusals are none of this test's business."""

    def __init__(self, person: Person, reader: Person, channels: list[str], rng: random.Random) -> None:
        self.person, self.reader, self.channels, self.rng = person, reader, channels, rng
        self.messages: list[str] = []

    async def run(self) -> None:
        """Act, and give the others a turn."""
        for _ in range(STEPS):
            await self.act()
            await asyncio.sleep(0)

    async def act(self) -> None:
        """One thing."""
        rng, channel = self.rng, self.rng.choice(self.channels)
        message = rng.choice(self.messages) if self.messages else new_id()
        member = f"/channels/{channel}/members/{self.reader.user_id}"
        choice = rng.random()
        if choice < 0.45:
            await self._post(channel, message)
        elif choice < 0.85:
            method, path, body = rng.choice(
                [
                    ("PATCH", f"/messages/{message}", {"content": f"edited {rng.random()}"}),
                    ("DELETE", f"/messages/{message}", None),
                    ("PUT", f"/messages/{message}/reactions/+1", None),
                    ("PUT", f"/messages/{message}/pin", None),
                    ("PATCH", f"/channels/{channel}", {"topic": f"t{rng.random()}"}),
                    ("PATCH", f"/channels/{channel}", {"name": f"n{rng.random()}"}),
                    ("POST", f"/channels/{channel}/{rng.choice(['archive', 'unarchive', 'unarchive'])}", None),
                    ("POST", f"/channels/{channel}/{rng.choice(['join', 'join', 'leave'])}", None),
                    ("PUT", f"/channels/{channel}/level", {"level": rng.choice(["all", "mentions", "muted"])}),
                    ("PUT", f"/channels/{channel}/read", {"seq": rng.randrange(60)}),
                    ("POST", f"/channels/{channel}/unread", {"seq": rng.randrange(1, 60)}),
                    ("PUT", f"/threads/{message}/follow", None),
                ]
            )
            await self._do(method, path, body)
        elif choice < 0.996:
            await self._do("PUT", member, {"role": rng.choice(["member", "admin"])})
            if rng.random() < 0.4:
                await self._do("DELETE", member)
        else:
            await self._do("DELETE", f"/channels/{channel}")

    async def _post(self, channel: str, parent: str) -> None:
        body: Json = {"message_id": new_id(), "content": f"m{self.rng.random()}"}
        if self.rng.random() < 0.3:
            body |= {"parent_id": parent, "also_to_channel": self.rng.random() < 0.5}
        if (await self._do("POST", f"/channels/{channel}/messages", body)) == 201:
            self.messages.append(body["message_id"])

    async def _do(self, method: str, path: str, body: Json | None = None) -> int:
        answer = await self.person.call(method, path, body)
        assert answer.status_code < 500, answer.text
        return answer.status_code


async def _snapshot(reader: Person, url: str) -> tuple[Folded, Client, Json]:
    """A snapshot, a client that goes on from it on one of the servers, and the messages of its channels."""
    snapshot = (await reader.get("/me/channels")).json()
    client = Client(url, reader.access_token)
    folded = Folded(str(reader.user_id), snapshot)
    for channel_id in tuple(folded.channels):
        page = await reader.get(f"/channels/{channel_id}/messages", limit=100, min_position=snapshot["position"])
        if page.status_code == 200:  # else lost meanwhile, which a frame will say
            assert not page.json()["has_more_before"], "the histories of this test are short"
            folded.learn(channel_id, page.json())
    client.last_id, client.epoch = snapshot["position"], snapshot["epoch"]
    await client.open()
    return folded, client, snapshot


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_snapshot_goes_on_without_a_hole_while_everyone_writes(database: str, seed: int) -> None:
    """On two servers, from snapshots at random moments; also of the reader's own marks, levels, joins and leaves."""
    rng = random.Random(seed)
    async with running_server(database) as one, running_server(database) as other:
        reader, ben, cy = [await one.register(name) for name in ("rea", "ben", "cy")]
        channels = [await ben.make_channel(f"c{n}", kind) for n, kind in enumerate(["public", "public", "private"])]
        channels.append((await ben.post("/directs", {"user_ids": [str(reader.user_id)]})).json()["channel_id"])
        for channel in channels[1:3]:
            await ben.add(channel, reader)
        await cy.post(f"/channels/{channels[0]}/join")
        ben.http = other.http
        writers = [Writer(person, reader, channels, random.Random(rng.random())) for person in (ben, cy, reader)]
        writing = [asyncio.create_task(writer.run()) for writer in writers]
        taken = []
        for _ in range(SNAPSHOTS):
            await asyncio.sleep(rng.uniform(0.0, 0.6))
            taken.append(await _snapshot(reader, rng.choice([one.url, other.url])))
        await asyncio.gather(*writing)
        last = (await ben.post("/channels", {"kind": "public", "name": "last"})).json()["position"]
        fresh = (await reader.get("/me/channels", min_position=last)).json()
        assert fresh["channels"] and last > 60, "the history says something"
        for folded, client, snapshot in taken:
            await client.wait_through(last)
            for frame in client.events:
                assert frame["id"] > snapshot["position"]
                if frame["id"] <= fresh["position"]:
                    folded.fold(frame)
            folded.check(fresh)
            await client.close()
