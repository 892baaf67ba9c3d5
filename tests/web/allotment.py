"""A small community to look at: the same people, words, ids and times on every run, so that pictures of it differ only where
the page does.

Everybody is made up.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.channel import CreateChannel, CreateDirect
from domain.channel_state import ChannelKind
from domain.membership import JoinChannel
from domain.message import EditMessage, PinMessage, PostMessage
from domain.reaction import AddReaction
from domain.reading import MarkRead
from domain.user import ChangeProfile, RegisterUser
from tests.fixtures.server import Server
from tests.support.people import PASSWORD
from tests.support.wait import await_until

NOW = datetime(2026, 5, 20, 10, 40, tzinfo=UTC)
"""What the page's clock says."""
PEOPLE = {
    "maya": ("Maya Lindqvist", "In the greenhouse until noon"),
    "jonas": ("Jonas Okafor", "🌧 waiting for rain"),
    "priya": ("Priya Nair", ""),
    "tomas": ("Tomás Reyes", "Away until Monday"),
    "lin": ("Lin Zhao", ""),
}
TOPICS = {
    "allotment": "Plots 1 to 40: who does what, and when",
    "tools": "What is in the shed, and who has the key",
    "watering": "The rota, the tank, the hoses",
    "seeds": "Swaps and orders",
    "off-topic": "Everything else",
}
NEXT_MORNING = "Plot 12 to 19 are watered."
TALK = [
    ("jonas", "Morning all. The tank is down to **a third**, so please go easy until it has rained."),
    ("priya", "I can fill it on Thursday, if somebody lends me the long hose."),
    ("lin", "It hangs in the shed, behind the door. I marked the leak with tape 🙂"),
    (
        "lin",
        "For whoever asked how the sensor is read:\n\n```\n$ moisture --plot 7 --last 24h\n07:00  31 %\n19:00  22 %\n```\n\n"
        "Below `20 %` it wants a can. More in <https://allotment.example/sensors>.",
    ),
    ("jonas", "The new beds, seen from the gate:"),
    ("tomas", "They look straight! What did you use for the edges?"),
    ("jonas", "Larch boards, and a string.\n\n> Measure twice, dig once."),
    ("tomas", NEXT_MORNING),
    ("tomas", "20 is not: there was a hedgehog asleep in the bed and I did not want to wake it."),
    ("maya", "Best excuse this year."),
    (
        "jonas",
        "Here is the rota for next week:\n\n| Day | Morning | Evening |\n|---|---|---|\n| Mon | Priya | Lin |\n"
        "| Wed | Tomás | Maya |\n| Fri | Jonas | nobody yet |",
    ),
    ("priya", "@maya could you take Friday evening? I have the school thing."),
    ("maya", "Yes. I am there anyway for the beans."),
]


@dataclass
class Allotment:
    """What there is, by name."""

    url: str
    people: dict[str, UUID] = field(default_factory=dict)
    channels: dict[str, UUID] = field(default_factory=dict)
    messages: dict[str, UUID] = field(default_factory=dict)
    """By how they begin."""

    def message(self, beginning: str) -> UUID:
        """The message that begins like this."""
        return next(found for text, found in self.messages.items() if text.startswith(beginning))


async def found(server: Server) -> Allotment:
    """Make it on a fresh server. Everybody's password is the tests' one."""
    return await _Founder(server).found()


class _Founder:
    def __init__(self, server: Server) -> None:
        self._server, self._execute = server, server.node.execute
        self._made = 0
        self._at = NOW - timedelta(days=1, hours=3)
        self._there = Allotment(server.url)

    async def found(self) -> Allotment:
        """Everything, in order."""
        await self._people()
        for name, topic in TOPICS.items():
            await self._channel(name, topic)
        await self._talk()
        await self._answers()
        await self._read()
        await self._elsewhere()
        await await_until(self._is_caught_up, 60, what="the views have it all")
        return self._there

    def _id(self) -> UUID:
        """A version 7 id that is the same in every run."""
        self._made += 1
        moment = int(datetime(2026, 5, 1, tzinfo=UTC).timestamp() * 1_000) + self._made
        rest = hashlib.sha256(str(self._made).encode()).digest()  # people's colours are made of it
        return UUID(bytes=moment.to_bytes(6, "big") + b"\x70\x00\x80" + rest[:7])

    def _later(self, minutes: float = 4) -> datetime:
        self._at += timedelta(minutes=minutes)
        return self._at

    async def _people(self) -> None:
        for username, (display_name, status_text) in PEOPLE.items():
            user_id = self._there.people[username] = self._id()
            at = self._later()
            is_admin = username == "maya"
            await self._execute(
                RegisterUser(user_id=user_id, username=username, display_name=display_name, at=at, is_admin=is_admin)
            )
            await self._execute(ChangeProfile(user_id=user_id, status_text=status_text, at=at))
        for username in ("maya", "priya"):
            await self._server.node.auth.set_password(self._there.people[username], PASSWORD)

    async def _channel(self, name: str, topic: str) -> None:
        channel_id = self._there.channels[name] = self._id()
        jonas, at = self._there.people["jonas"], self._later(1)
        await self._execute(
            CreateChannel(
                channel_id=channel_id, kind=ChannelKind.PUBLIC, name=name, topic=topic, created_by=jonas, at=at
            )
        )
        for user_id in self._there.people.values():
            await self._execute(JoinChannel(channel_id=channel_id, user_id=user_id, at=at))

    async def _post(self, username: str, content: str, channel: str = "allotment", **more: object) -> UUID:
        message_id = self._there.messages[content] = self._id()
        await self._execute(
            PostMessage(
                message_id=message_id,
                channel_id=self._there.channels[channel],
                author_id=self._there.people[username],
                content=content,
                at=self._later(),
                **more,
            )
        )
        return message_id

    async def _talk(self) -> None:
        for username, content in TALK:
            if content == NEXT_MORNING:
                self._at = NOW - timedelta(hours=2)
            more = {"attachment_ids": (await self._picture(),)} if content.startswith("The new beds") else {}
            await self._post(username, content, **more)

    async def _picture(self) -> UUID:
        """The new beds, painted by arithmetic."""
        jonas = await self._server.node.auth.login("jonas", await self._password("jonas"))
        answer = await self._server.http.post(
            f"/v1/channels/{self._there.channels['allotment']}/attachments",
            params={"name": "beds.png"},
            content=_png(480, 240),
            headers={"Content-Type": "image/png", "Authorization": f"Bearer {jonas.access_token}"},
        )
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["attachment_id"])

    async def _password(self, username: str) -> str:
        await self._server.node.auth.set_password(self._there.people[username], PASSWORD)
        return PASSWORD

    async def _answers(self) -> None:
        there, people = self._there, self._there.people
        root = there.message("I can fill it")
        for username, content in (
            ("lin", "Take mine, it is longer and has no leak."),
            ("priya", "You are a treasure, thank you!"),
            ("maya", "I come along and hold the other end."),
        ):
            await self._post(username, content, parent_id=root)
        for beginning, emoji, who in (
            ("20 is not", "🦔", ("maya", "priya", "lin", "jonas")),
            ("20 is not", "❤️", ("priya",)),
            ("Best excuse", "😂", ("tomas", "lin")),
            ("Here is the rota", "👍", ("maya", "priya", "tomas")),
            ("The new beds", "🎉", ("maya", "tomas")),
        ):
            for username in who:
                reaction = AddReaction(
                    message_id=there.message(beginning), user_id=people[username], emoji=emoji, at=self._at
                )
                await self._execute(reaction)
        rota = there.message("Here is the rota")
        await self._execute(PinMessage(message_id=rota, by=people["jonas"], at=self._at, pinned=True))
        edit = EditMessage(
            message_id=there.message("Plot 12"), by=people["tomas"], content="Plots 12 to 19 are watered.", at=self._at
        )
        await self._execute(edit)

    async def _read(self) -> None:
        """Maya has read what is there so far."""
        maya, channel_id = self._there.people["maya"], self._there.channels["allotment"]
        head_seq, joined_seq = await self._server.node.mark_bounds(channel_id, maya)
        await self._execute(
            MarkRead(
                user_id=maya, channel_id=channel_id, seq=head_seq, head_seq=head_seq, joined_seq=joined_seq, at=self._at
            )
        )

    async def _elsewhere(self) -> None:
        for username, content, channel in (
            ("lin", "The wheelbarrow has a flat tyre.", "tools"),
            ("tomas", "Pump is on the second shelf.", "tools"),
            ("jonas", "@maya the key is back on its nail.", "tools"),
            ("priya", "Who wants purple carrots? I have too many.", "seeds"),
        ):
            await self._post(username, content, channel)
        for username, content in (
            ("priya", "Are you coming by the plot today?"),
            ("lin", "I left you some seedlings."),
        ):
            direct = CreateDirect(
                created_by=self._there.people[username],
                user_ids=frozenset({self._there.people["maya"]}),
                at=self._later(),
            )
            await self._execute(direct)
            self._there.channels[f"with {username}"] = direct.channel_id
            await self._post(username, content, f"with {username}")

    async def _is_caught_up(self) -> bool:
        ready = (await self._server.http.get("/health/ready")).json()
        return bool(ready["views_lag_s"] == 0)


def _png(width: int, height: int) -> bytes:
    """Beds in rows, below a sky."""

    def colour(x: int, y: int) -> tuple[int, int, int]:
        if y < height * 0.4:
            return 150 + y // 2, 195 + y // 4, 235
        depth = (y - height * 0.4) / (height * 0.6)
        row = int((x - width / 2) / (0.25 + depth) / 34) % 2
        grain = (x * 7 + y * 13) % 9
        return (96 + grain, 68 + grain, 46) if row else (84 + grain, int(128 + 40 * depth) + grain, 62)

    rows = b"".join(b"\0" + bytes(part for x in range(width) for part in colour(x, y)) for y in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
