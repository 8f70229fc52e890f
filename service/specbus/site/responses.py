"""The pages and assets over HTTP."""

from functools import cache
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import Response

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
_PAGES = {page.path: page for page in PAGES}


def respond(path: str, headers: Headers) -> Response | None:
    """The answer to a GET of `path`, a request with `headers`; None if the site has nothing there."""
    if (page := _PAGES.get(path)) is not None:
        html = _html(page)
        # The page of "/" shares its address with the JSON list.
        vary = {"Vary": "Accept"} if path == "/" else {}
        return _answer(html, "text/html; charset=utf-8", etag(html), {"Cache-Control": "no-cache", **vary}, headers)
    if path.startswith("/assets/"):
        _, _, which, *name = path.split("/")
        asset = assets().get("/".join(name)) if which == version() else None
        if asset is not None:
            return _answer(asset.content, asset.media_type, asset.etag, {"Cache-Control": _FOR_EVER}, headers)
    return None


def prefers_html(headers: Headers) -> bool:
    """Whether a request with `headers` would rather have HTML than JSON (RFC 9110, 12.5.1): a browser's would."""
    accepted = ",".join(headers.getlist("accept"))
    return _quality(accepted, "text", "html") > _quality(accepted, "application", "json")


@cache
def _html(page: Page) -> bytes:
    return render(page).encode()


def _answer(content: bytes, media_type: str, tag: str, fields: dict[str, str], headers: Headers) -> Response:
    fields = {**HEADERS, **fields, "ETag": tag}
    known = {one.strip().removeprefix("W/") for one in ",".join(headers.getlist("if-none-match")).split(",")}
    if tag in known or "*" in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=fields)
    return Response(content, headers=fields, media_type=media_type)


def _quality(accepted: str, kind: str, subtype: str) -> float:
    """How much `accepted`, the value of Accept, wants the media type; the most specific range counts."""
    best = (0, 0.0)
    for part in accepted.lower().split(","):
        media_range, *options = (item.strip() for item in part.split(";"))
        rank = {f"{kind}/{subtype}": 3, f"{kind}/*": 2, "*/*": 1}.get(media_range, 0)
        try:
            quality = next((float(option[2:]) for option in options if option.startswith("q=")), 1.0)
        except ValueError:
            quality = 0.0
        if rank > best[0]:
            best = (rank, quality)
    return best[1]
