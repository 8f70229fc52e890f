"""Paths of requests, as they are compared with those of the contract."""

from urllib.parse import unquote


def decoded(path: str) -> str:
    """`path` decoded but for "%" and "/" in its segments, which are "%25" and "%2F" (RFC 3986, 6.2.2.2).

    A slash that is part of a name does not part a path (2.2). A line break stays encoded as well: the patterns of
    Starlette's routes pass over one at the end.
    """
    if "%" not in path:
        return path
    segments = map(unquote, path.split("/"))
    return "/".join(each.replace("%", "%25").replace("/", "%2F").replace("\n", "%0A") for each in segments)
