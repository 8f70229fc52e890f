"""Which mutants no client of the service could see, and why: each rule is one line of the report.

By what the code is:

    types            annotations, aliases, protocols, `__slots__`, `cast`
    docstrings
    assertions       `assert`, and `strict=` of `zip`
    representations  `__repr__` and `__str__`
    logging          calls that log, what is computed for them alone, and what decides whether they are made
    start-up         refusals of documents that are not ones to run from (ContractError): these are
    words            texts with a blank in them: sentences for a person, of which no document promises the wording

By where it is, in the lists below:

    settings         what is off, or only read at the start, where verify starts the service by itself
    documents        what only other documents than those in `specs/` would show
    embedding        in another application
    stopping         of the service, which verify does not do
    platform         branches for other systems
    tuning           sizes and times that no document promises
    equivalent       code whose change leaves all that a client sees as it is

All else counts: code that verify never has executed counts as not found.
"""

import ast
import re
from collections.abc import Sequence

Path = tuple[ast.AST, ...]
"""A node, after all that it is in: the module first."""

MODULES = (
    "app",
    "auth.keys",
    "auth.origins",
    "bus.errors",
    "bus.hub",
    "bus.memory",
    "bus.operations",
    "bus.outbox",
    "bus.publication",
    "contract.commands",
    "contract.connexion",
    "contract.decoding",
    "contract.fastpath",
    "contract.jsontext",
    "contract.outline",
    "contract.requests",
    "contract.schema",
    "contract.shape",
    "http.admission",
    "http.app",
    "http.connection",
    "http.dispatch",
    "http.documents",
    "http.elsewhere",
    "http.operations",
    "http.problems",
    "http.public_url",
    "http.routing",
    "http.validation",
    "http.web",
    "server",
    "timers",
    "websocket.commands",
    "websocket.connection",
    "websocket.endpoint",
    "websocket.handshake",
    "websocket.keepalive",
    "websocket.registry",
    "websocket.session",
    "wire.messages",
    "wire.paths",
    "wire.problem",
    "wire.websocket",
)
"""What the running service consists of."""

LEFT_OUT = {
    "__init__": "names for those who embed the service",
    "__main__": "the command line",
    "bench": "another command",
    "bus.engine": "protocols only",
    "bus.limits": "settings, which the service tells as they are",
    "cli": "the command line",
    "client": "another program: the Python client",
    "contract.phrasing": "words",
    "contract.telling": "words",
    "http.limits": "settings, which the service tells as they are",
    "log": "logging",
    "sdk": "another command",
    "settings": "settings, which the service tells as they are",
    "site": "pages, which no document promises",
    "spec": "reads the documents at the start, as verify does: of what it refuses no client hears",
    "verify": "another command",
    "websocket.asgi": "embedding",
    "websocket.limits": "settings, which the service tells as they are",
}
"""Modules, and packages with all in them, that are not mutated."""

_LOGGING = re.compile(
    r"_?log(_\w+)?|_(limit_reached|refused|evicted)|note_(refused|unread|dropping)|RateLimited|getLogger"
)
"""Names of what is called to log."""

UNSEEN = {
    "auth.origins.hosts": "settings",
    "auth.origins.origins": "settings",
    "auth.origins._listed": "settings",
    "auth.origins.WebRules.lists": "settings",
    "app.App.__call__": "embedding",
    "app.App.close": "embedding",
    "app.App.lifespan": "embedding",
    "app._has_pages": "settings",
    "bus.hub.Hub.overflow": "settings",
    "contract.commands.WebSocketContract.problems_of_sent": "settings",
    "contract.commands._sent": "settings",
    "contract.requests.RestOperation.problems_of_response": "settings",
    "http.admission.Admission.__len__": "logging",
    "http.connection.HttpConnection._peer": "logging",
    "http.connection.HttpConnection.shutdown": "stopping",
    "http.dispatch.ResponseCheck": "settings",
    "http.web.shared_with": "settings",
    "server.Server._abort_http": "stopping",
    "server.Server._note_hangup": "stopping",
    "server.Server.ask_to_stop": "stopping",
    "server.Server.capture_signals": "stopping",
    "server.Server.handle_exit": "stopping",
    "server.Server.shutdown": "stopping",
    "server._has_ipv6": "platform",
    "server._url": "settings",
    "server.listen": "settings",
    "websocket.connection.Connection._checked_write": "settings",
    "websocket.connection.Connection.shutdown": "stopping",
    "websocket.session.Session.log_closed": "logging",
    "websocket.session.Session.log_violations": "settings",
    "websocket.session.Session.note_dropping": "logging",
    "websocket.session.Session.overflow": "settings",
    "websocket.session.Session.who": "logging",
}
"""Functions and classes, with all in them, that come to nothing a client could see in a run."""

MARKED: list[tuple[str, str, str, str]] = []
"""Single lines: the function, a part of the line, the operators (a pattern), and the rule.

Kept short, and each with its reason in a comment.
"""


def unobservable(module: str, function: str, path: Path, operator: str) -> str | None:
    """The rule by which no client could see a change of the last node of `path`; None where one could.

    Args:
        module: The module's name below the package.
        function: What the node is in, without the module.
        path: The node, after all that it is in.
        operator: What is done to it.

    """
    name = f"{module}.{function}" if function else module
    while "." in name:
        if reason := UNSEEN.get(name):
            return reason
        name = name.rpartition(".")[0]
    for index in range(len(path) - 1, 0, -1):
        if reason := _by_kind(path[index - 1], path[index], operator, is_last=index == len(path) - 1):
            return reason
    return None


def _by_kind(parent: ast.AST, node: ast.AST, operator: str, *, is_last: bool) -> str | None:
    """The rule that holds for all that is in `node`, which is in `parent`."""
    match node:
        case ast.Constant() if isinstance(parent, ast.Expr):
            return "docstrings"
        case ast.Assert():
            return "assertions"
        case ast.keyword(arg="strict"):
            return "assertions"
        case ast.FunctionDef(name="__repr__" | "__str__"):
            return "representations"
        # By the name alone: `asyncio.Protocol` is no such thing.
        case ast.ClassDef(bases=[ast.Name(id="Protocol") | ast.Subscript(value=ast.Name(id="Protocol"))]):
            return "types"
        case ast.If(test=test) if _name(test) == "TYPE_CHECKING":
            return "types"
        case ast.AnnAssign(annotation=annotation) if _name(annotation) == "TypeAlias":
            return "types"
        case ast.Assign(targets=[ast.Name(id="__slots__" | "__all__")]):
            return "types"
        case ast.Raise(exc=ast.Call(func=func)) if _name(func) in ("ContractError", "NotImplementedError"):
            return "start-up"
        case ast.Expr() | ast.Call() if _logs(node):
            return "logging"
        case ast.Constant(value=str() as text) if " " in text and is_last:
            return "words"
        case ast.JoinedStr(values=values) if is_last and any(
            isinstance(each, ast.Constant) and " " in str(each.value) for each in values
        ):
            return "words"
    if node is getattr(parent, "annotation", None) or node is getattr(parent, "returns", None):
        return "types"
    if isinstance(parent, ast.Call) and _name(parent.func) in ("cast", "TypeVar") and node is parent.args[0]:
        return "types"
    if is_last and isinstance(node, ast.If):
        return _of_guard(node.body, node.orelse)
    if isinstance(parent, ast.If) and node is parent.test:
        return _of_guard(parent.body, parent.orelse)
    return None


def _of_guard(body: Sequence[ast.stmt], otherwise: Sequence[ast.stmt]) -> str | None:
    """The rule for a condition on which `body` depends, and all else is the same."""
    if otherwise:
        return None
    if all(map(_logs, body)):
        return "logging"
    match body:
        case [ast.Raise(exc=ast.Call(func=func))] if _name(func) == "ContractError":
            return "start-up"
    return None


def _logs(node: ast.AST) -> bool:
    """Whether `node` does nothing but log."""
    match node:
        case ast.Expr(value=value):
            return _logs(value)
        case ast.Call(func=ast.Attribute(value=owner)) if _name(owner) == "_log":
            return True
        case ast.Call(func=func):
            return _LOGGING.fullmatch(_name(func)) is not None
    return False


def _name(node: ast.AST) -> str:
    """The last part of a name: `log_event` of `log.log_event`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return _name(value)
    return ""
