"""Attachments: uploaded for a channel, named by a message, had by who may see it.

A file is somebody's bytes. It is answered so that a browser keeps it apart from everything: to be saved, but for images that
are what they say, with no script, no frame and no other type than the one told.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import msgspec
import structlog
import uuid_utils.compat
from litestar import Response, get, post
from litestar.exceptions import HTTPException
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIFormat, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from api.blobs import Blobs
from api.byte_ranges import Unsatisfiable, asked_range, names_etag
from api.freshness import MinPosition, reading, written
from api.requests import TAKES_FILE, ApiRequest, now
from domain.attachment import NAME_MAX_CHARACTERS, AttachmentUploaded, UploadAttachment
from domain.errors import NotFound, Unavailable
from projections import attachments
from projections.attachments import AttachmentRow

logger = structlog.get_logger()

READ_BYTES = 262_144
"""At once. What a client has not taken yet lies before it in memory: one or two of these."""


class UploadedAttachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that waits for its message."""

    attachment_id: UUID
    channel_id: UUID
    name: str
    media_type: str
    """As it was declared."""
    size: int
    """Bytes."""
    sha256: str
    """Of the content, in hexadecimal."""
    position: int


@dataclass
class _TakesFile(Operation):
    """Tells OpenAPI that the body is a file."""

    def __post_init__(self) -> None:
        schema = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, min_length=1)
        self.request_body = RequestBody(
            required=True,
            description="The file. Its `Content-Type` is remembered.",
            content={"*/*": OpenAPIMediaType(schema=schema)},
        )


Name = Annotated[
    str,
    QueryParameter(
        name="name", min_length=1, max_length=NAME_MAX_CHARACTERS, description="The file's name, without a path."
    ),
]
AttachmentId = Annotated[
    UUID | None,
    QueryParameter(
        name="attachment_id", description="UUID version 7. With it a repeat finds the file that was uploaded."
    ),
]
AGAIN = {200: ResponseSpec(UploadedAttachment, description="It was there already.", generate_examples=False)}


def _media_type(request: ApiRequest) -> str:
    """As the client declares it, without parameters."""
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return declared or "application/octet-stream"


@post(
    "/channels/{channel_id:str}/attachments",
    tags=["attachments"],
    responses=AGAIN,
    operation_class=_TakesFile,
    request_max_body_size=None,  # `Uploads` has the limit, which is the operator's
    opt={TAKES_FILE: True},
)
async def upload_attachment(
    request: ApiRequest, channel_id: FromPath[UUID], name: Name, attachment_id: AttachmentId = None
) -> Response[UploadedAttachment]:
    """Upload a file for a message to come: the body is the file. Who no message takes within 24 h is removed."""
    uploads = request.services.uploads
    upload = UploadAttachment(
        attachment_id=uuid_utils.compat.uuid7() if attachment_id is None else attachment_id,
        channel_id=channel_id,
        by=request.me,
        name=name,
        media_type=_media_type(request),
        size=0,
        sha256="",
        at=now(),
    )
    # Before megabytes are read: whether they could be accepted at all.
    uploads.check_announced(request.content_length)
    await request.services.judge(upload, request.command_id())
    uploads.check_media_type(upload.media_type)
    async with uploads.receiving(request.me, request.stream()) as file:
        upload = msgspec.structs.replace(upload, size=file.size, sha256=file.sha256)
        said = (name, upload.media_type, file.sha256, str(attachment_id or ""))
        async with file.kept():
            outcome = await request.execute(upload, said=said)
    first = outcome.events[0]
    event = first.event
    assert isinstance(event, AttachmentUploaded), "an attachment begins with its upload"
    answer = UploadedAttachment(
        attachment_id=first.stream_id,
        channel_id=event.channel_id,
        name=event.name,
        media_type=event.media_type,
        size=event.size,
        sha256=event.sha256,
        position=outcome.position,
    )
    return written(answer, outcome.position, status=200 if outcome.repeated else 201)


@get(
    "/attachments/{attachment_id:str}",
    tags=["attachments"],
    media_type="application/octet-stream",
    responses={
        206: ResponseSpec(None, description="The part that `Range` asked for.", generate_examples=False),
        304: ResponseSpec(None, description="It is what `If-None-Match` names.", generate_examples=False),
    },
)
async def get_attachment(
    request: ApiRequest, attachment_id: FromPath[UUID], min_position: MinPosition = 0
) -> Response[Any]:
    """A file: for its uploader until a message has it, then for who may see the message. Takes `If-None-Match` and `Range`."""
    async with reading(request, min_position) as view:
        row = await attachments.attachment(view.connection, attachment_id, request.me)
    if row is None:
        raise NotFound(f"There is no attachment {attachment_id}, or you may not see it.", field="attachment_id")
    view.concerns(row.channel_id)
    etag = f'"{row.sha256}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"} | ({"Sermo-Stale": "true"} if view.is_stale else {})
    if names_etag(request.headers.get("if-none-match"), etag):
        return Response(b"", status_code=304, headers=headers)
    return await _content(request, row, headers)


async def _content(request: ApiRequest, row: AttachmentRow, headers: dict[str, str]) -> Stream:
    """The file, or the part of it that is asked for."""
    if_range = request.headers.get("if-range")
    wanted = request.headers.get("range") if if_range in (None, headers["ETag"]) else None
    try:
        part = asked_range(wanted, row.size)
    except Unsatisfiable:
        raise HTTPException(
            detail="The file has no such part.", status_code=416, headers={"Content-Range": f"bytes */{row.size}"}
        ) from None
    start, stop = part or (0, row.size)
    blobs = request.services.blobs
    try:
        head = await blobs.read(row.sha256, 0, SNIFFED_BYTES)
    except FileNotFoundError:
        # Who just lost the right to it may meet this too; the next request tells.
        logger.critical("attachments.file_missing", attachment_id=str(row.attachment_id), sha256=row.sha256)
        raise Unavailable("The content of this file is missing: the server's operator has to mend it.") from None
    is_image = row.media_type in _IMAGES and _IMAGES[row.media_type](head)
    headers |= _SAFE
    headers["Content-Type"] = row.media_type  # here, since Litestar gives a text a charset that it may not have
    headers["Accept-Ranges"] = "bytes"
    headers["Content-Length"] = str(stop - start)
    headers["Content-Disposition"] = _disposition("inline" if is_image else "attachment", row.name)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{row.size}"
    return Stream(
        _read(blobs, row.sha256, start, stop),
        status_code=200 if part is None else 206,
        headers=headers,
    )


async def _read(blobs: Blobs, sha256: str, start: int, stop: int) -> AsyncIterator[bytes]:
    while start < stop:
        chunk = await blobs.read(sha256, start, min(start + READ_BYTES, stop))
        if not chunk:
            raise FileNotFoundError(f"{sha256} ends at {start}")
        start += len(chunk)
        yield chunk


_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}
SNIFFED_BYTES = 12


_IMAGES = {
    "image/png": lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"),
    "image/jpeg": lambda head: head.startswith(b"\xff\xd8\xff"),
    "image/gif": lambda head: head.startswith((b"GIF87a", b"GIF89a")),
    "image/webp": lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP",
}
"""What a browser may show at once, if its first bytes are what it says (WHATWG MIME Sniffing, section 6.1)."""


def _disposition(kind: str, name: str) -> str:
    """RFC 6266, with the name in UTF-8 (RFC 8187) and for old clients in ASCII."""
    ascii_name = "".join(c if c.isascii() and c.isprintable() and c not in '"%' else "_" for c in name)
    return f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"
