"""Which mutants no client of the service could see, and why: each rule is one line of the report.

By what the code is:

    types            annotations, aliases, protocols, `__slots__`, `cast`, options of data classes
    docstrings
    assertions       `assert`, and `strict=` of `zip`
    representations  `__repr__` and `__str__`
    logging          calls that log, what is computed for them alone, and what decides whether they are made
    start-up         refusals of documents that are not ones to run from (ContractError), and what decides on them
    words            texts with a blank in them: sentences for a person, of which no document promises the wording

By where it is, in the lists below:

    settings         what is off where verify starts the service by itself
    pages            what browsers get, which no document promises
    documents        what only other documents than those in `specs/` would show
    embedding        in another application, or with another engine
    stopping         of the service, which verify does not do
    platform         branches for other systems
    defects          what is answered where the service itself fails, which no client can bring about
    tuning           sizes and times that no document promises, off by one
    equivalent       quick ways beside a slow one that does the same

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
    "http.bodies",
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
    "auth.schemes": "start-up: the documents are held against what the service does",
    "bench": "another command",
    "bus.engine": "protocols only",
    "bus.limits": "settings, which the service tells as they are",
    "cli": "the command line",
    "client": "another program: the Python client",
    "contract.phrasing": "words",
    "contract.telling": "words",
    "contract.witness": "start-up: the documents are held against what the service does",
    "http.answers": "start-up: the documents are held against what the service does",
    "http.faults": "start-up: words for what is wrong with the documents",
    "http.limits": "settings, which the service tells as they are",
    "log": "logging",
    "sdk": "another command",
    "settings": "settings, which the service tells as they are",
    "site": "pages",
    "spec": "reads the documents at the start, as verify does: of what it refuses no client hears",
    "verify": "another command",
    "websocket.asgi": "embedding",
    "websocket.extensions": "start-up: the documents are held against what the service does",
    "websocket.speech": "start-up: the documents are held against what the service does",
    "websocket.limits": "settings, which the service tells as they are",
}
"""Modules, and packages with all in them, that are not mutated."""

_LOGGING = re.compile(
    r"_?log(_\w+)?|_(limit_reached|refused|evicted)|note_(refused|unread|dropping)|RateLimited|getLogger"
)
"""Names of what is called to log."""

UNSEEN = {
    "app.App.__call__": "embedding",
    "app.App.close": "embedding",
    "app.App.lifespan": "embedding",
    "app.Service.stop": "stopping",
    "app._has_pages": "settings",
    "app.create_app": "embedding",
    "auth.origins.WebRules.lists": "settings",
    "auth.origins._listed": "settings",
    "auth.origins._shown": "words",
    "auth.origins.hosts": "settings",
    "auth.origins.origins": "settings",
    "bus.errors.TooManySubscriptions.__init__": "words",
    "bus.errors.TooManyTopics.__init__": "words",
    "bus.errors.TopicExists.__init__": "words",
    "bus.errors.TopicNotFound.__init__": "words",
    "bus.hub.Hub.is_waiting": "stopping",
    "bus.hub.Hub.overflow": "settings",
    "bus.outbox.Outbox.__bool__": "stopping",
    "contract.commands.WebSocketContract._bad_tag": "words",
    "contract.commands.WebSocketContract.keeps_text": "start-up",
    "contract.commands.WebSocketContract.problems_of_sent": "settings",
    "contract.commands.WebSocketContract.promises": "start-up",
    "contract.commands._article": "words",
    "contract.commands._match": "start-up",
    "contract.commands._sent": "settings",
    "contract.commands._tag_field": "documents",
    "contract.connexion": "documents",
    "contract.decoding.Decoder.keeps_text": "start-up",
    "contract.decoding._no_collection": "equivalent",
    "contract.requests.Body.keeps_text": "start-up",
    "contract.requests.RestOperation.problems_of_response": "settings",
    "contract.schema.Schema._errors": "words",
    "contract.schema.Schema._sentences": "words",
    "contract.schema.Schema.promises": "start-up",
    "http.admission.Admission.__len__": "logging",
    "http.app._fail": "defects",
    "http.elsewhere.FrontPage": "pages",
    "http.connection.HttpConnection._peer": "logging",
    "http.connection.HttpConnection.shutdown": "stopping",
    "http.dispatch.ResponseCheck": "settings",
    "http.dispatch._check_arguments": "start-up",
    "http.dispatch.check_handlers": "start-up",
    "http.web.shared_with": "settings",
    "server.Server._abort_http": "stopping",
    "server.Server._note_hangup": "stopping",
    "server.Server.ask_to_stop": "stopping",
    "server.Server.capture_signals": "stopping",
    "server.Server.handle_exit": "stopping",
    "server.Server.shutdown": "stopping",
    "server._has_ipv6": "platform",
    "server._listening": "platform",
    "server._url": "settings",
    "server.listen": "settings",
    "websocket.connection.Connection._checked_write": "settings",
    "websocket.connection.Connection.shutdown": "stopping",
    "websocket.session.Session.log_closed": "logging",
    "websocket.session.Session.log_violations": "settings",
    "websocket.session.Session.note_dropping": "logging",
    "websocket.session.Session.overflow": "settings",
    "websocket.session.Session.who": "logging",
    "wire.websocket.FrameReader.close_reason": "logging",
    "wire.websocket.payloads": "settings",
}
"""Modules, classes and functions, with all in them, that come to nothing a client could see in a run."""

TUNING = {
    "bus.errors": ("_MAX_SHOWN",),
    "bus.hub": ("MAX_JOINED_BYTES",),
    "bus.memory": ("_EPOCH_BYTES",),
    "contract.decoding": ("MAX_SENT_DEPTH",),
    "contract.fastpath": ("_MAX_INDENT", "_numbers"),
    "contract.jsontext": ("_MAX_CANDIDATES", "_MAX_VALUE", "_ROUNDS"),
    "contract.outline": ("SMALL", "_MAX_UNKNOWN", "_SHORT"),
    "contract.requests": ("_MAX_DIGITS",),
    "contract.schema": ("MAX_PROBLEMS", "_MAX_LISTED", "_MAX_REFERENCES"),
    "http.admission": ("MAX_TURNED_AWAY",),
    "http.app": ("_MAX_BODIES_BYTES",),
    "http.connection": (
        "HEAD_TIMEOUT",
        "MAX_BEHIND",
        "MAX_HEAD_BYTES",
        "MAX_PIPELINED",
        "_PIECE",
        "_REFUSAL_TIMEOUT",
    ),
    "http.operations": ("_PIECE",),
    "server": ("_OTHER_DESCRIPTORS",),
    "timers": ("_TURNS",),
    "websocket.connection": ("CLOSE_TIMEOUT", "UNREAD_TIMEOUT"),
    "websocket.keepalive": ("_COARSENESS",),
    "websocket.session": ("_MAX_ANSWERS", "_MAX_TOPIC_SHOWN"),
    "wire.websocket": ("TURN", "_LARGE", "_UNTIMED"),
}
"""Constants of modules that may as well be a little larger. Limits that the documents name are not among them."""

MARKED = [
    # Only `overflow_policy=disconnect` comes here.
    ("bus.hub.Fanout.flush", "self._hub.overflow(subscriber)", ".*", "settings"),
    ("bus.hub.Fanout._enqueue", "overflowed.append(subscriber)", ".*", "settings"),
    ("bus.hub.Fanout._enqueue", "continue", ".*", "settings"),
    # Only an engine that calls back later comes here, or `history_size=0`.
    ("websocket.session.Session.answer", "self.deliver(text_frame(message))", ".*", "embedding"),
    ("bus.memory.MemoryEngine.publish", "if texts else size", ".*", "settings"),
    ("contract.commands.WebSocketContract._compile", "isinstance(tag, str)", ".*", "start-up"),
    # Parameters have these types in other documents.
    ("contract.requests.Parameter.check", '"number"', ".*", "documents"),
    ("contract.requests.Parameter.check", '"boolean"', ".*", "documents"),
    ("contract.requests.Parameter.check", '"true"', ".*", "documents"),
    ("contract.shape.Shape.__init__", 'schema.get("additionalProperties", True)', ".*", "documents"),
    ("contract.requests", "_NUMBER = ", ".*", "documents"),
    ("contract.shape.Shape.select", "self.items", ".*", "documents"),
    ("contract.shape.Shape.select", "if self.open", ".*", "documents"),
    ("contract.shape.Shape.select", "holds(item)", ".*", "documents"),
    # What the start makes sure of.
    ("http.app.build", "check_handlers(contract, handlers)", ".*", "start-up"),
    ("http.app.build", '("createTopic", "name")', ".*", "start-up"),
    ("http.app.build", 'contract.operations["publishMessage"].body', ".*", "start-up"),
    ("websocket.commands", '("', "string-changed", "start-up"),
    # No prefix is set.
    ("http.routing.sent_path", "if path.startswith", "condition-.*", "settings"),
    ("http.app.build", "FrontPage", ".*", "pages"),
    ("http.elsewhere.Elsewhere.__call__", "page = respond(", ".*", "pages"),
    ("http.elsewhere.Elsewhere.__call__", "await (page if", ".*", "pages"),
    # Heartbeats and pings are on.
    ("websocket.registry.Registry._heartbeat", "if self._heartbeats", "condition-true", "settings"),
    ("websocket.registry.Registry._ping", "if self._pings", "condition-true", "settings"),
    ("websocket.registry.Registry.add", "if schedule", "condition-true", "settings"),
    ("websocket.registry.Registry.remove", "if schedule", "condition-true", "settings"),
    ("websocket.registry._schedule", "if interval", "condition-true", "settings"),
    # The application always says which.
    ("http.app.build", "max_body_bytes: int =", ".*", "embedding"),
    ("http.app.build", "site: bool =", ".*", "embedding"),
    ("http.app.build", "debug: bool =", ".*", "embedding"),
    ("websocket.endpoint.Endpoint.__init__", "close_deadline: float =", ".*", "embedding"),
    ("websocket.endpoint.Endpoint.__init__", "debug: bool =", ".*", "embedding"),
    # Nobody calls it.
    ("websocket.endpoint.Endpoint.document", "return", ".*", "embedding"),
    ("websocket.connection.Connection.resume_writing", "self.shutdown()", ".*", "stopping"),
    ("websocket.connection.Connection.resume_writing", "if self._stopping", "condition-false", "stopping"),
    ("server.Server.__init__", "access_log=False", ".*", "logging"),
    ("server.Server.__init__", "timeout_graceful_shutdown", ".*", "stopping"),
    ("server.Server._room_for_connections", "RLIM_INFINITY", ".*", "platform"),
    ("server.Server._room_for_connections", "sys.maxsize", ".*", "platform"),
    ("websocket.session.Session.__init__", "_limit_logged", ".*", "logging"),
    ("websocket.session.Session.receive", "_limit_logged", ".*", "logging"),
    ("websocket.session.Session.receive", '"INTERNAL"', ".*", "defects"),
    ("websocket.session._slow_consumer", '"1 message"', ".*", "words"),
    ("websocket.session._slow_consumer", '"was"', ".*", "words"),
    ("http.validation.check_content_type", "[:128]", ".*", "words"),
    ("http.documents.Documents.__init__", "lru_cache(maxsize=8)", ".*", "tuning"),
    ("bus.memory.MemoryEngine._evict", "* 9 // 10", "constant-changed", "tuning"),
    ("bus.outbox.Room.is_over", "self.limit", "comparison-swapped", "tuning"),
    ("http.connection.HttpConnection.on_headers_complete", "> MAX_HEAD", "(constant|comparison)-.*", "tuning"),
    ("websocket.connection.Connection._end_closing", "now >= deadline", "comparison-swapped", "tuning"),
    ("wire.websocket.FrameReader.read", "_LARGE", ".*", "tuning"),
    ("wire.websocket.FrameReader.read", "untimed", ".*", "tuning"),
    # Names that tracebacks and debuggers show.
    ("contract.fastpath._Code.function", "linecache", ".*", "logging"),
    ("contract.fastpath._Code.function", "name = ", ".*", "logging"),
    # uvicorn, which asks, takes None for False.
    ("http.connection.HttpConnection._should_upgrade", "return False", "return-none", "equivalent"),
    # None of connexion's middleware is there that would look at it.
    ("http.app.build", "SwaggerUIOptions", ".*", "equivalent"),
    # One of several, and all of them.
    ("websocket.session.event_frames.encode", "if len(publications) == 1", "condition-false", "equivalent"),
    ("websocket.session.Session.send_answers", "if len(answers) == 1", "condition-false", "equivalent"),
    ("websocket.session.Session.answer", "_MAX_ANSWERS", "condition-.*|comparison-swapped", "equivalent"),
    ("wire.websocket.text_frame", "if size < 1024", "condition-false", "equivalent"),
    ("wire.websocket.text_frames", "if size < 1024", "condition-false", "equivalent"),
    ("wire.websocket", "range(1024)", "constant-changed", "equivalent"),
    # What has been made before, and what is made anew.
    ("wire.messages._Clock.at", "if not self.second", "condition-true|comparison-swapped", "equivalent"),
    ("wire.messages.event_writer.event", "if not clock.second", "condition-true|comparison-swapped", "equivalent"),
    ("bus.hub.Fanout.encode", "if group else", "condition-false", "equivalent"),
    # Nothing comes of it, or only what would not have been needed.
    ("bus.hub.Fanout.take", "if not self.groups and not self.waiting", "condition-false", "equivalent"),
    ("bus.hub.Fanout.take", "if size >= self._max_joined_bytes", "condition-false", "equivalent"),
    ("bus.hub.Fanout._leave_group", "if not group.deliver", "condition-false", "equivalent"),
    ("bus.memory.MemoryEngine.publish", "if size:", "condition-true", "equivalent"),
    ("contract.decoding.Decoder.__init__", "self._min_deep = 2", "constant-changed", "equivalent"),
    ("contract.decoding.Decoder.quick", "if not data.isascii()", "condition-true", "equivalent"),
    ("contract.decoding.Decoder.quick", "if len(data) > self._min_deep", "condition-true", "equivalent"),
    ("contract.commands.WebSocketContract.dispatch", "if found :=", "condition-false", "equivalent"),
    ("contract.commands.WebSocketContract.dispatch", "if accepts(frame)", "condition-false", "equivalent"),
    ("contract.decoding.Decoder.quick", "self._decode is None", "condition-true|comparison-swapped", "equivalent"),
    ("contract.fastpath", '"string": str', ".*", "equivalent"),
    ("bus.hub.Hub.join", "if replayed", "condition-true", "equivalent"),
    ("contract.decoding.Decoder.quick", "if self._root_verbatim", "and-or-swapped", "equivalent"),
    ("contract.fastpath._Code.object", "names = [", "condition-false", "equivalent"),
    ("contract.fastpath._Code.object", "if name in shape.required", "condition-true", "equivalent"),
    ("contract.fastpath._Code.object", "if shape.verbatim and not tag", "condition-true", "equivalent"),
    ("contract.requests.Body.parse", "if found and", "condition-false", "equivalent"),
    ("contract.jsontext.check_depth", "if len(left) <= most - done", "condition-false", "equivalent"),
]
"""Single lines: the function, a part of the line, the operators (a pattern), and the rule."""


def unobservable(module: str, function: str, path: Path, operator: str, line: str) -> str | None:
    """The rule by which no client could see a change of the last node of `path`; None where one could.

    Args:
        module: The module's name below the package.
        function: What the node is in, without the module.
        path: The node, after all that it is in.
        operator: What is done to it.
        line: The line that is changed.

    """
    name = f"{module}.{function}" if function else module
    for place, part, operators, rule in MARKED:
        if place == name and part in line and re.fullmatch(operators, operator):
            return rule
    while "." in name:
        if reason := UNSEEN.get(name):
            return reason
        name = name.rpartition(".")[0]
    match path[1]:
        case ast.Assign(targets=[ast.Name(id=constant)]) if constant in TUNING.get(module, ()):
            return "tuning"
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
        case ast.keyword(arg="frozen" | "slots" | "gc"):
            return "types"
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
