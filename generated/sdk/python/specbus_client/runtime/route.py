"""How a server is reached, by HTTP requests and by the WebSocket alike: the proxy, and whose certificate is trusted."""

import os
import ssl
from functools import cached_property
from urllib.parse import SplitResult, urlsplit


class Route:
    """The way to the server at `url`, which is `http://...` or `https://...`.

    Of the environment's variables, in lower or upper case, `https_proxy` or `http_proxy` counts, by the scheme of
    `url`, and otherwise `all_proxy`; none for a host that `no_proxy` lists. As long as none of them is set there is no
    proxy, whatever the system is set to.
    """

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: what judges the server's certificate. Raises ValueError for a proxy that cannot be used."""
        self.is_secure = url.startswith("https:")
        self.proxy = _proxy(url)
        """The URL of the proxy, with its credentials; None without one."""
        self.shown = url
        """For a person: `url`, and the proxy without its credentials."""
        if self.proxy is not None:
            self.shown += f" through the proxy {_without_credentials(self.proxy)}"
        self._tls = tls

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """What judges the server's certificate: with the system's authorities, unless it was given.

        OpenSSL takes others in their place that `SSL_CERT_FILE` and `SSL_CERT_DIR` name. Without TLS it trusts nobody,
        which takes no time to set up.
        """
        if self._tls is not None:
            return self._tls
        return ssl.create_default_context() if self.is_secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _proxy(url: str) -> str | None:
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies_environment, proxy_bypass  # slow to import

    proxies = getproxies_environment()
    parts = urlsplit(url)
    hosts = (parts.hostname or "", parts.netloc.rpartition("@")[2])
    address = proxies.get(parts.scheme) or proxies.get("all")
    if not address or any(proxy_bypass(host) for host in hosts):
        return None
    if "://" not in address:
        address = f"http://{address}"
    proxy = _usable(address)
    if proxy is None:
        shown = _without_credentials(address)
        raise ValueError(f"the environment's proxy must be http://HOST:PORT or https://HOST:PORT, not {shown!r}")
    user, at, host = proxy.netloc.rpartition("@")
    if at and ":" not in user:
        user += ":"  # not every client takes a name without a password
    return f"{proxy.scheme}://{user}{at}{host}"


def _without_credentials(address: str) -> str:
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _usable(address: str) -> SplitResult | None:
    """The parts of a proxy's address; None if it is none."""
    try:
        proxy = urlsplit(address)
        is_usable = proxy.scheme in ("http", "https") and proxy.hostname and proxy.port != 0
    except ValueError:
        return None
    return None if not is_usable or proxy.path not in ("", "/") or proxy.query or proxy.fragment else proxy
