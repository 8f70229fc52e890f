"""The pages, made from their templates."""

from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template

from specbus import __version__
from specbus.site.assets import version


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and where it is."""

    name: str
    path: str
    title: str
    menu: str
    """What links to it say."""
    static: bool = True
    """Whether it is of use without a service behind it."""


PAGES = (
    Page("home", "/", "Specbus", "Overview"),
    Page("rest", "/docs", "REST reference - Specbus", "REST"),
    Page("websocket", "/docs/websocket", "WebSocket reference - Specbus", "WebSocket"),
    Page("console", "/console", "Console - Specbus", "Console", static=False),
)

POLICY = {
    "default-src": "'self'",
    # Icons of Swagger UI's stylesheet.
    "img-src": "'self' data:",
    # The WebSocket viewer is handed the document, which the page got with the API key, as a blob.
    "connect-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}
"""What a page may load and do (Content Security Policy): nothing inline, no eval, nothing from elsewhere."""


def render(page: Page, *, static: bool = False) -> str:
    """The HTML of `page`. Its links are relative: they hold behind any proxy, and in a `static` site in any folder."""
    # A static page is the index of a folder.
    depth = page.path.strip("/").count("/") + (1 if static and page.path != "/" else 0)
    root = "../" * depth or "./"
    shown = [one for one in PAGES if one.static or not static]
    links = {one.name: _link(root, one, static) for one in PAGES}
    here = {page.name: ' aria-current="page"'}
    menu = "".join(
        f'<a href="{links[one.name]}" data-page="{one.name}"{here.get(one.name, "")}>{escape(one.menu)}</a>'
        for one in shown
    )
    values = {
        **{f"link_{name}": link for name, link in links.items()},
        "name": page.name,
        "title": escape(page.title),
        "menu": menu,
        "root": root,
        "mode": "static" if static else "live",
        "version": escape(__version__),
        "assets": f"{root}assets/{version()}",
        # A header says it better, but a static site has none.
        "policy": f'<meta http-equiv="Content-Security-Policy" content="{policy()}">\n' if static else "",
    }
    body = Template(_template(f"{page.name}.html")).substitute(values)
    return Template(_template("frame.html")).substitute(values, body=body)


def policy() -> str:
    """`POLICY` in one line."""
    return "; ".join(f"{name} {value}" for name, value in POLICY.items())


def _link(root: str, page: Page, static: bool) -> str:
    return root + page.path[1:] + ("/" if static and page.path != "/" else "")


def _template(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
