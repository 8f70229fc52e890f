"""The pages and assets over HTTP."""

from functools import cache
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import Response
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header, parse_etags, unquote_etag

from specbus.site.assets import assets, etag, version
from specbus.site.pages import PAGES, Page, policy, render

HEADERS = {
    "Content-Security-Policy": f"{policy()}; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What every page and asset is sent with."""

_FOR_EVER = "public, max-age=31536000, immutable"
_HTML = ("text/html", "text/html; charset=utf-8")
"""What a client may call the pages' media type; they are served as the second."""
_PAGES = {page.path: page for page in PAGES}


def respond(path: str, headers: Headers) -> Response | None:
    """The answer to a GET of `path`, a request with `headers`; None if the site has nothing there."""
    if (page := _PAGES.get(path)) is not None:
        html = _html(page)
        # The page of "/" shares its address with the JSON list.
        vary = {"Vary": "Accept"} if path == "/" else {}
        return _answer(html, _HTML[1], etag(html), {"Cache-Control": "no-cache", **vary}, headers)
    if path.startswith("/assets/"):
        _, _, which, *name = path.split("/")
        asset = assets().get("/".join(name)) if which == version() else None
        if asset is not None:
            return _answer(asset.content, asset.media_type, asset.etag, {"Cache-Control": _FOR_EVER}, headers)
    return None


def prefers_html(headers: Headers) -> bool:
    """Whether a request with `headers` would rather have HTML than JSON (RFC 9110, 12.5.1): a browser's would."""
    accepted = parse_accept_header(",".join(headers.getlist("accept")), MIMEAccept)
    return max(map(accepted.quality, _HTML)) > accepted.quality("application/json")


@cache
def _html(page: Page) -> bytes:
    return render(page).encode()


def _answer(content: bytes, media_type: str, tag: str, fields: dict[str, str], headers: Headers) -> Response:
    fields = {**HEADERS, **fields, "ETag": tag}
    if parse_etags(",".join(headers.getlist("if-none-match"))).contains_weak(unquote_etag(tag)[0]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=fields)
    return Response(content, headers=fields, media_type=media_type)
