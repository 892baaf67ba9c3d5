"""The page's files: what is served, how, and that nothing else is."""

import asyncio
import gzip
import re
from pathlib import Path

import pytest

from api.page import policy
from tests.fixtures.server import Server

REPOSITORY = Path(__file__).parents[2]
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html"),
        ("/operate", "text/html"),
        ("/web/js/main.js", "text/javascript"),
        ("/web/css/base.css", "text/css"),
        ("/web/icon.svg", "image/svg+xml"),
        ("/web/sermo.webmanifest", "application/manifest+json"),
        ("/web/vendor/licences/preact.txt", "text/plain"),
        ("/client/index.js", "text/javascript"),
        ("/client/store/index.js", "text/javascript"),
    ],
)
async def test_a_file_of_the_page_has_its_media_type_and_the_headers_that_confine_it(
    server: Server, path: str, media_type: str
) -> None:
    """No login is needed; nothing may run but what is served here."""
    answer = await server.http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == media_type
    assert answer.headers["content-type"].count("charset") <= 1
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert {name: policy[name] for name in POLICY} == POLICY
    host = server.url.removeprefix("http://")
    assert policy["connect-src"] == f"'self' ws://{host} wss://{host}"
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_a_file_is_asked_about_at_every_use_and_sent_only_when_it_has_changed(server: Server) -> None:
    """`no-cache` with an ETag of the content; 304 for who has it."""
    first = await server.http.get("/web/js/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = await server.http.get("/web/js/main.js", headers={"If-None-Match": f'"else", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = await server.http.get("/web/js/main.js", headers={"If-None-Match": '"else"'})
    assert other.status_code == 200


async def test_a_file_is_compressed_for_who_takes_that(server: Server) -> None:
    """The same content either way, under two tags."""
    path = "/web/vendor/markdown-it.js"
    plain = await server.http.get(path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == (REPOSITORY / "web/vendor/markdown-it.js").read_bytes()
    async with server.http.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as zipped:
        raw = b"".join([part async for part in zipped.aiter_raw()])
    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 2
    assert zipped.headers["etag"] != plain.headers["etag"]
    assert zipped.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "path",
    [
        "/web/../pyproject.toml",
        "/web/%2e%2e/pyproject.toml",
        "/web/..%2fpyproject.toml",
        "/web/js/../../pyproject.toml",
        "/web/..%5cpyproject.toml",
        "/web//etc/passwd",
        "/web/%00",
        "/web/js",
        "/web/js/",
        "/web/js/none.js",
        "/web/index.html%00.js",
        "/client/../package.json",
        "/client/frames.d.ts",
        "/web",
        "/client",
    ],
)
async def test_no_path_leads_out_of_the_two_folders(server: Server, path: str) -> None:
    """Nothing but the files themselves, by their exact names. Asked for without a client that would tidy the path."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    assert head.startswith("HTTP/1.1 404 ")
    assert "content-type: application/problem+json" in head
    assert '"code":"not_found"' in body


@pytest.mark.parametrize("host", ["", "a; script-src *", "a b", "a,b", "a'", "[::1", "a:b"])
def test_a_host_that_is_none_gets_into_no_policy(host: str) -> None:
    """The header is the client's; it must not write our rules."""
    assert "connect-src 'self'; font-src" in policy(host)
    assert "script-src 'self'; style-src" in policy(host)
    assert "connect-src 'self' ws://[::1]:80 wss://[::1]:80; font-src" in policy("[::1]:80")


async def test_the_pages_load_only_files_that_are_served_and_hold_no_code(server: Server) -> None:
    """Also every import of every module leads to a file; there is no inline script, style or handler, and no other address."""
    seen: set[str] = set()
    waiting = ["/", "/operate"]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = await server.http.get(path)
        assert answer.status_code == 200, path
        if path in ("/", "/operate"):
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|https?://", answer.text)
            found = re.findall(r'(?:href|src)="([^"]+)"', answer.text)
            waiting += [f"/{name}" for name in found if name.startswith(("web/", "client/"))]
        elif path.endswith(".js") and "/vendor/markdown-it" not in path:
            for name in re.findall(r'(?:\bfrom|\bimport)\s*"([^"]+)"', answer.text):
                assert name.startswith("."), f"{path} imports {name}"
                waiting.append(str(server.http.build_request("GET", f"{server.url}{path}").url.join(name).path))
    assert "/client/store/index.js" in seen
    assert "/web/vendor/signals.js" in seen
