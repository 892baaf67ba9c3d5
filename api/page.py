"""The web page at `/`, the operators' page at `/operate`, and the files that they load: `web/` below /web, the JavaScript client
below /client.

Only what is found in these two folders can be asked for, by exactly its name, so no path leads out of them. Each file is read
once and again when it has changed; it goes out gzipped where that is shorter, under an ETag of its content, to be asked about at
every use (a new version shows at the next reload). The headers let the pages run nothing but these files: docs/web.md.
"""

import gzip
import hashlib
import re
from pathlib import Path

import msgspec
from litestar import Litestar, MediaType, Response, get
from litestar.params import FromPath

from api.requests import ApiRequest
from domain.errors import NotFound

_HERE = Path(__file__).parent
_REPOSITORY = _HERE.parent
_MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
}
"""Files of other kinds are not served."""
_GZIP_MIN_BYTES = 512
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


class PageFile(msgspec.Struct, frozen=True):
    """A file as it goes out."""

    content: bytes
    zipped: bytes | None
    """Where that is shorter."""
    etag: str
    media_type: str
    changed_ns: int


class Pages:
    """The files of the pages, by the path under which they are asked for. A folder may lack: then nothing is there."""

    def __init__(self, web: Path, client: Path) -> None:
        self._paths: dict[str, Path] = {}
        for prefix, folder in (("web", web), ("client", client)):
            for path in sorted(folder.rglob("*")):
                if path.suffix in _MEDIA_TYPES and path.is_file():
                    self._paths[f"{prefix}/{path.relative_to(folder).as_posix()}"] = path
        self._read: dict[str, PageFile] = {}

    def get(self, name: str) -> PageFile | None:
        """The file of this name, as it is now."""
        path = self._paths.get(name)
        if path is None:
            return None
        try:
            changed_ns = path.stat().st_mtime_ns
            known = self._read.get(name)
            if known is None or known.changed_ns != changed_ns:
                known = self._read[name] = _read(path, changed_ns)
        except FileNotFoundError:
            return None
        return known


def _read(path: Path, changed_ns: int) -> PageFile:
    content = path.read_bytes()
    zipped = gzip.compress(content, 9, mtime=0) if len(content) >= _GZIP_MIN_BYTES else content
    return PageFile(
        content=content,
        zipped=zipped if len(zipped) < len(content) else None,
        etag=hashlib.sha256(content).hexdigest()[:32],
        media_type=_MEDIA_TYPES[path.suffix],
        changed_ns=changed_ns,
    )


def folders() -> tuple[Path, Path]:
    """Where the two folders are: beside this file in an installed Sermo, else in the repository."""
    installed = _HERE / "static"
    if installed.is_dir():
        return installed / "web", installed / "client"
    return _REPOSITORY / "web", _REPOSITORY / "clients" / "js" / "src"


def _pages(app: Litestar) -> Pages:
    pages: Pages | None = app.state.get("pages")
    if pages is None:
        pages = app.state["pages"] = Pages(*folders())
    return pages


def policy(host: str) -> str:
    """The Content-Security-Policy. Browsers did not always take a page's own socket for `self`, so it is named."""
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        f"connect-src 'self'{sockets}; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _answer(request: ApiRequest, name: str) -> Response[bytes]:
    file = _pages(request.app).get(name)
    if file is None:
        raise NotFound
    takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
    content = file.zipped if takes_gzip and file.zipped is not None else file.content
    is_zipped = content is not file.content
    etag = f'"{file.etag}-gzip"' if is_zipped else f'"{file.etag}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Content-Security-Policy": policy(request.headers.get("host", "")),
    }
    if etag in [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]:
        return Response(b"", status_code=304, headers=headers, media_type=file.media_type)
    if is_zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(content, headers=headers, media_type=file.media_type)


@get("/", include_in_schema=False, sync_to_thread=False, media_type=MediaType.HTML)
def index(request: ApiRequest) -> Response[bytes]:
    """The page."""
    return _answer(request, "web/index.html")


@get("/operate", include_in_schema=False, sync_to_thread=False, media_type=MediaType.HTML)
def operate(request: ApiRequest) -> Response[bytes]:
    """The operators' page. What it shows comes from a call for admins; the page itself tells nothing."""
    return _answer(request, "web/operate.html")


@get("/web/{path:path}", include_in_schema=False, sync_to_thread=False)
def web_file(request: ApiRequest, path: FromPath[str]) -> Response[bytes]:
    """A file of the page."""
    return _answer(request, f"web{path}")


@get("/client/{path:path}", include_in_schema=False, sync_to_thread=False)
def client_file(request: ApiRequest, path: FromPath[str]) -> Response[bytes]:
    """A module of the JavaScript client."""
    return _answer(request, f"client{path}")
