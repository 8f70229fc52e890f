"""How Schemathesis is set: the one place. `contract_tests/schemathesis.toml` says the same for its command line."""

from typing import Any

SETTINGS: dict[str, Any] = {
    "continue-on-failure": True,
    # A slow or large case is no fault of the server's.
    "suppress-health-check": ["all"],
    "warnings": False,
    "generation": {"mode": "all", "database": "none"},
    "cache": {"enabled": False},
    "checks": {
        "enabled": True,
        # Asks for two users; there is one key at most.
        "object_level_authorization": {"enabled": False},
    },
    "phases": {
        "examples": {"enabled": True},
        # No DELETE and no POST where the document has none: nobody knows what a server would do.
        "coverage": {"enabled": True, "unexpected-methods": ["PUT", "PATCH", "TRACE"]},
        "fuzzing": {"enabled": True},
        "stateful": {"enabled": True},
    },
}
"""As in a `schemathesis.toml`."""


def settings(
    *, url: str, headers: dict[str, str], seed: int, examples: int, timeout: float, ca: str | None = None
) -> dict[str, Any]:
    """The settings of a run.

    Args:
        url: The server's URL.
        headers: Headers of each request.
        seed: The seed of what is generated.
        examples: Cases for each operation and phase.
        timeout: Seconds to wait for one answer.
        ca: A file of the certificates to trust; None for those that Schemathesis knows.

    """
    return {
        **SETTINGS,
        "base-url": _literal(url),
        "headers": {name: _literal(value) for name, value in headers.items()},
        "seed": seed,
        "request-timeout": timeout,
        "tls-verify": True if ca is None else _literal(ca),
        "generation": {**SETTINGS["generation"], "max-examples": examples},
    }


def _literal(text: str) -> str:
    """`text` with nothing in it that Schemathesis would take for a reference to an environment variable."""
    return text.replace("${", "$${")
