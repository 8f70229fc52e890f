"""The REST side as plain connexion has it, from the same document: `specbus bench compare` measures it beside ours.

    python -P -m specbus.bench.connexion_server PORT

Routing, parsing and validation are connexion's own; the handlers do nothing.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvicorn
from connexion import AsyncApp
from connexion.resolver import Resolver

from specbus.spec import SPECS
from specbus.spec.bundle import bundle

_Answer = tuple[dict[str, Any], int, dict[str, str]]
_JSON = {"Content-Type": "application/json"}


async def get_health() -> _Answer:
    """The numbers of a server that has nothing to do."""
    return {"uptime_sec": 1, "topics": 0, "subscribers": 0, "connections": 0}, 200, _JSON


async def publish_message(name: str, body: dict[str, Any]) -> _Answer:
    """Take a message, and forget it."""
    return {"status": "accepted", "topic": name, "id": body["id"]}, 202, _JSON


async def not_there(**_: Any) -> _Answer:
    """Any other operation."""
    return {"detail": "not here"}, 501, _JSON


def main() -> None:
    """Serve until stopped."""
    document = bundle(SPECS / "openapi.yaml")
    document.pop("security", None)
    document["components"].pop("securitySchemes", None)
    handlers = {"getHealth": get_health, "publishMessage": publish_message}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "openapi.json").write_text(json.dumps(document))
        app = AsyncApp("plain", specification_dir=folder)
        app.add_api("openapi.json", resolver=Resolver(lambda name: handlers.get(name, not_there)))
        uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
