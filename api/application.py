"""The Litestar application: the resources under /v1, health, and the documents."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from typing import Any

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.types import ControllerRouterHandler

from api import (
    accounts,
    attachments,
    blocks,
    channels,
    docs,
    health,
    invitations,
    markers,
    members,
    messages,
    mine,
    openapi,
    operate,
    page,
    people,
    pins,
    problems,
    reactions,
    reports,
    search,
)
from api.methods import Application, methods_by_path, tell_methods
from api.requests import BODY_MAX_BYTES, ApiRequest, authenticated, limited_by_address, read_strictly, shapes_of
from api.services import Services

_PRIVATE = {"Cache-Control": "no-store"}
"""What is answered is for one person, and tokens must not lie in a cache (RFC 6750 section 5.3)."""

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def routes(private_route_handlers: Sequence[ControllerRouterHandler] = ()) -> list[ControllerRouterHandler]:
    """Every route handler of the HTTP side, and these below /v1 for who has shown who they are."""
    public = Router(
        "/v1",
        route_handlers=[accounts.register, accounts.login, accounts.refresh, accounts.logout],
        guards=[limited_by_address],
        before_request=read_strictly,
        response_headers=_PRIVATE,
    )
    private = Router(
        "/v1",
        route_handlers=[
            accounts.create_ticket,
            accounts.create_events_session,
            people.get_me,
            people.change_me,
            people.find_users,
            people.get_user,
            people.deactivate_me,
            people.deactivate_user,
            people.reactivate_user,
            blocks.block_user,
            blocks.unblock_user,
            blocks.my_blocks,
            reports.report_message,
            reports.list_reports,
            reports.resolve_report,
            operate.node_metrics,
            channels.create_channel,
            channels.create_direct,
            channels.find_channels,
            channels.get_channel,
            channels.change_channel,
            channels.delete_channel,
            channels.archive_channel,
            channels.unarchive_channel,
            members.join_channel,
            members.leave_channel,
            members.list_members,
            members.set_member,
            members.remove_member,
            invitations.create_invitation,
            invitations.list_invitations,
            invitations.revoke_invitation,
            invitations.preview_invitation,
            invitations.join_by_invitation,
            messages.post_message,
            messages.page_messages,
            messages.get_message,
            messages.edit_message,
            messages.delete_message,
            messages.list_versions,
            messages.page_replies,
            attachments.upload_attachment,
            attachments.get_attachment,
            pins.pin_message,
            pins.unpin_message,
            pins.list_pins,
            markers.mark_channel_read,
            markers.mark_channel_unread,
            markers.mark_thread_read,
            markers.mark_thread_unread,
            markers.follow_thread,
            markers.unfollow_thread,
            markers.set_level,
            reactions.add_reaction,
            reactions.remove_reaction,
            reactions.list_reactions,
            mine.my_channels,
            mine.my_unread,
            mine.my_threads,
            search.search_messages,
            *private_route_handlers,
        ],
        guards=[authenticated],
        before_request=read_strictly,
        response_headers=_PRIVATE,
    )
    documents = (docs.openapi, docs.docs, docs.asyncapi, docs.socket_docs)
    pages = (page.index, page.operate, page.web_file, page.client_file)
    return [public, private, health.live, health.ready, health.metrics, *documents, *pages]


def create_app(
    services: Services,
    describe_socket: Callable[[str], dict[str, Any]],
    extra_route_handlers: Sequence[ControllerRouterHandler] = (),
    private_route_handlers: Sequence[ControllerRouterHandler] = (),
    lifespan: Sequence[Lifespan] = (),
) -> Litestar:
    """The application over these services. `describe_socket` makes the AsyncAPI document of a version.

    `extra_route_handlers`: what other packages serve, as the socket; `private_route_handlers`: the same below /v1, for people
    who have shown who they are, as the event stream.
    """
    app = Application(
        [*routes(private_route_handlers), *extra_route_handlers],
        request_class=ApiRequest,
        request_max_body_size=BODY_MAX_BYTES,
        exception_handlers={Exception: problems.handle},
        openapi_config=openapi.openapi_config(version("sermo")),
        before_send=[tell_methods],
        lifespan=list(lifespan),
        logging_config=None,
        state=State({"services": services, "describe_socket": describe_socket}),
    )
    shapes: dict[int, Any] = dict(shapes_of(app))
    app.state["shapes"] = shapes
    app.state["methods"] = methods_by_path(app)
    return app
