"""Whatever people write stays text: nothing of it runs, loads, or becomes an element that the page did not mean.

A dialog, an uncaught error, a violation of the content security policy (our own code would have tried it) and a request to
somebody else's host each fail a test; so does an element that the payload would have made.
"""

from playwright.async_api import Request, expect

from tests.fixtures.browser import Sit
from tests.fixtures.server import Person, Server
from tests.support.seat import REFUSAL, Seat

PAYLOADS = [
    "<script>window.pwned=1;alert(1)</script>",
    "<img src=x onerror=\"window.pwned=1;alert('img')\">",
    "<svg onload=alert(1)><animate onbegin=alert(1) attributeName=x></svg>",
    '<svg><a xlink:href="javascript:alert(1)"><text x=20 y=20>click</text></a></svg>',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    '<iframe srcdoc="<script>parent.pwned=1</script>"></iframe><iframe src=javascript:alert(1)></iframe>',
    '<a href="javascript:alert(1)" onmouseover=alert(1)>here</a>',
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<body onload=alert(1)><input autofocus onfocus=alert(1)>",
    '<base href="http://hostile.invalid/"><meta http-equiv=refresh content="0;url=javascript:alert(1)">',
    "<style>@import 'http://hostile.invalid/x.css'; * { background: url(http://hostile.invalid/y) }</style>",
    '"><script>alert(1)</script><!--',
    "'-alert(1)-' `${alert(1)}` {{constructor.constructor('alert(1)')()}} ${alert(1)}",
    "[click](javascript:alert(1)) [click](JaVaScRiPt:alert(1)) [click](java&#10;script:alert(1))",
    "[click](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==) [x](vbscript:alert(1)) [y](file:///etc/passwd)",
    '[a](\u0001javascript:alert(1)) <javascript:alert(1)> [b](&#106;avascript:alert(1)) [c]( javascript:alert(1) "t")',
    "[d][r]\n\n[r]: javascript:alert(1)",
    "![tracked](http://hostile.invalid/pixel.png) ![x](javascript:alert(1)) ![y](data:image/svg+xml,<svg/onload=alert(1)>)",
    "[e](http://good.invalid/\"onmouseover=\"alert(1)) <http://good.invalid/'onclick='alert(1)>",
    'http://good.invalid/<script>alert(1)</script>?a="onclick=alert(1)',
    "```<img src=x onerror=alert(1)>\n</code></pre><script>alert(1)</script>\n```",
    "`</code><script>alert(1)</script>` **<b onclick=alert(1)>bold</b>** | <i> | </i> |\n|---|---|\n| <u onclick=alert(1)> | x |",
    "@**<img src=x onerror=alert(1)>** :<script>: @<script>alert(1)</script>",
    "\u202e<script>alert(1)</script>\u202c \u2028alert(1)\u2029 \ufeff<img/src/onerror=alert(1)>",
    "__proto__ constructor [object Object] "
    '{"type":"img","props":{"dangerouslySetInnerHTML":{"__html":"<img src=x onerror=alert(1)>"}}}',
]
_FOREIGN = """() => [...document.querySelectorAll([
  'script:not([src^="web/"], [src^="/web/"])', 'iframe', 'object', 'embed', 'base', 'style', 'math', 'animate', 'image',
  'details', 'meta[http-equiv]', '[onerror]', '[onload]', '[onclick]', '[onmouseover]', '[onfocus]', '[ontoggle]', '[onbegin]',
].join(', '))].map((element) => element.outerHTML.slice(0, 200))"""
_LINKS = """() => [...document.querySelectorAll('a[href], area[href], form[action], [formaction], svg a')]
  .map((element) => element.href?.baseVal ?? element.href ?? element.action)"""
_PICTURES = (
    "() => [...document.querySelectorAll('img, video, audio, source, link')].map((one) => one.src || one.href || '')"
)


async def test_messages_stay_text(server: Server, sit: Sit, ann: Person) -> None:
    """Each payload as a message, in the timeline, in a thread, among the pins and in what a search finds."""
    channel = await ann.make_channel()
    seat = await sit()
    asked = _requests(seat)
    for payload in PAYLOADS:
        made = await ann.say(channel, f"{payload}\n\nneedle")
        await ann.say(channel, payload, parent_id=made["message_id"])
        answer = await ann.put(f"/messages/{made['message_id']}/pin")
        assert answer.status_code < 300, answer.text
    await seat.sign_in(server.url, "ann")
    await seat.page.set_viewport_size({"width": 1280, "height": 6_000})
    await seat.open(channel)
    await expect(seat.timeline.get_by_role("article")).to_have_count(len(PAYLOADS))
    await _is_harmless(seat, server.url, asked)
    # what a reader sees of HTML is the HTML: the tag is there to be read
    await expect(seat.message("<script>window.pwned=1;alert(1)</script>")).to_have_count(1)

    await seat.message("<svg onload").get_by_role("link", name="1 reply").click()
    await expect(seat.page.get_by_role("complementary", name="Thread")).to_contain_text("<svg onload")
    await _is_harmless(seat, server.url, asked)
    await seat.page.get_by_role("button", name="Pinned messages").click()
    await expect(seat.page.get_by_role("complementary")).to_contain_text("<svg onload")
    await _is_harmless(seat, server.url, asked)
    await seat.page.get_by_role("button", name="Search", exact=True).click()
    await seat.page.get_by_role("searchbox", name="Search messages").fill("needle")
    await expect(seat.page.get_by_role("complementary").locator("mark").first).to_be_visible()
    await _is_harmless(seat, server.url, asked)
    await seat.page.goto(f"{server.url}/#/threads")
    await expect(seat.page.get_by_role("heading", name="Threads")).to_be_visible()
    await _is_harmless(seat, server.url, asked)


async def test_names_topics_and_files_stay_text(server: Server, sit: Sit, ann: Person, ben: Person) -> None:
    """Payloads as display names, status texts, channel names, topics and names of files, wherever the page says them."""
    seat = await sit()
    asked = _requests(seat)
    hostile = "<img src=x onerror=alert(1)>"
    await ben.patch("/me", {"display_name": hostile, "status_text": f'"><script>alert(2)</script>{hostile}'})
    channels = []
    for number, payload in enumerate(PAYLOADS[:6]):
        body = {"kind": "public", "name": f"{number} {payload}"[:80], "topic": payload}
        made = await ben.post("/channels", body)
        assert made.status_code == 201, made.text
        channels.append(made.json()["channel_id"])
        await ben.add(channels[-1], ann)
    channel = channels[0]
    for name, media_type in (
        (f"{hostile}.png", "image/png"),
        ("'\"><svg onload=alert(1)>.svg", "image/svg+xml"),
        ("javascript:alert(1).html", "text/html"),
    ):
        content = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>"
        file = await ben.file(channel, content, name=name, media_type=media_type)
        await ben.say(channel, f"@ann {name}", attachment_ids=[file])
    await ben.post("/directs", {"user_ids": [str(ann.user_id)]})
    # a picture that is none is not shown; the browser itself may say so
    await seat.sign_in(server.url, "ann")
    for channel_id in channels:
        await seat.open(channel_id)
        await _is_harmless(seat, server.url, asked)
    await seat.open(channel)
    await expect(seat.timeline.get_by_role("article")).to_have_count(3)
    await _is_harmless(seat, server.url, asked)
    places = (
        f"#/c/{channel}?pane=members",
        f"#/c/{channel}?pane=user:{ben.user_id}",
        f"#/c/{channel}?pane=search",
        "#/browse",
        "#/people",
    )
    for place in places:
        await seat.page.goto(f"{server.url}/{place}")
        await expect(seat.page.get_by_role("main")).to_be_visible()
        await _is_harmless(seat, server.url, asked)
    await seat.page.keyboard.press("Control+k")
    await seat.page.get_by_role("combobox", name="Channel or person").fill("<img")
    await expect(seat.page.get_by_role("option").first).to_be_visible()
    await _is_harmless(seat, server.url, asked)


async def test_a_hostile_address_does_nothing(server: Server, sit: Sit, ann: Person) -> None:
    """What stands behind the # is looked up, never run, and a wrong one is answered with a page."""
    await ann.make_channel()
    seat = await sit()
    await seat.sign_in(server.url, "ann")
    seat.expect(REFUSAL)
    asked = _requests(seat)
    for address in (
        "#/c/<img src=x onerror=alert(1)>",
        "#/c/..%2f..%2fauth%2flogout",
        "#/c/x/1?pane=user:<script>alert(1)</script>",
        "#/c/x?pane=thread:javascript:alert(1)",
        "#javascript:alert(1)",
        "#/__proto__",
        "#/c/__proto__/NaN?pane=constructor",
    ):
        await seat.page.goto(f"{server.url}/{address}")
        await expect(seat.sidebar).to_be_visible()
        await _is_harmless(seat, server.url, asked)


def _requests(seat: Seat) -> list[str]:
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    seat.page.on("request", note)
    return asked


async def _is_harmless(seat: Seat, url: str, asked: list[str]) -> None:
    assert await seat.page.evaluate("() => window.pwned") is None
    assert await seat.page.evaluate(_FOREIGN) == []
    for link in await seat.page.evaluate(_LINKS):
        assert link.split(":")[0] in ("http", "https", "mailto"), link
    for source in await seat.page.evaluate(_PICTURES):
        assert source.startswith((url, "blob:", "data:image/")) or source == "", source
    assert [one for one in asked if not one.startswith((url, "blob:", "data:image/"))] == []
    assert seat.complaints == []
