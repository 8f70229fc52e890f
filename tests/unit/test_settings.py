"""The settings: their bounds, where they come from, what is said of a wrong one."""

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from specbus.bus.limits import Limits, OverflowPolicy
from specbus.settings import SETTINGS, Log, Settings, SettingsError, load, without_effect
from tests.support.documents import SPECS

AT_LEAST_0 = "must be greater than or equal to 0"
AT_LEAST_1 = "must be greater than or equal to 1"
NOT_WHOLE = "must be a valid integer, unable to parse string as an integer"
NOT_FINITE = "must be a finite number"
NOT_A_NUMBER = "must be a valid number, unable to parse string as a number"

DEFAULTS = {
    "specs": SPECS,
    "docs": True,
    "debug": False,
    "host": "127.0.0.1",
    "port": 8080,
    "root_path": None,
    "shutdown_deadline": 10.0,
    "api_key": None,
    "allowed_origins": None,
    "allowed_hosts": None,
    "max_queue_size": 100,
    "overflow_policy": OverflowPolicy.DROP_OLDEST,
    "max_queue_bytes": 16_777_216,
    "total_queue_bytes": 268_435_456,
    "history_size": 100,
    "history_bytes": 67_108_864,
    "total_history_bytes": 134_217_728,
    "max_frame_bytes": 1_048_576,
    "max_topics": 10_000,
    "max_subscriptions": 1_000,
    "max_connections": 20_000,
    "max_http_connections": 1_000,
    "keep_alive": 75,
    "request_timeout": 60,
    "heartbeat_interval": 30.0,
    "ping_interval": 20.0,
    "ping_timeout": 20.0,
    "log_level": "INFO",
    "log_format": "text",
}

ACCEPTED: dict[str, dict[str, Any]] = {
    "specs": {"elsewhere": Path("elsewhere")},
    "docs": {"true": True, "0": False},
    "debug": {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False},
    "host": {"0.0.0.0": "0.0.0.0", "::": "::", "localhost": "localhost"},
    "port": {"0": 0, "65535": 65535},
    "root_path": {"/bus": "/bus", "/a/b-c": "/a/b-c"},
    "shutdown_deadline": {"0": 0.0, "0.5": 0.5},
    "api_key": {"k": SecretStr("k")},
    "allowed_origins": {text: text for text in ("", "*", "null", "https://app.example.org, http://localhost:5173")},
    "allowed_hosts": {text: text for text in ("", "*", "bus.example.org", "*.example.org [::1] 10.0.0.1")},
    "max_queue_size": {"1": 1},
    "overflow_policy": {
        "drop_oldest": OverflowPolicy.DROP_OLDEST,
        "disconnect": OverflowPolicy.DISCONNECT,
    },
    "max_queue_bytes": {"1": 1},
    "total_queue_bytes": {"1": 1},
    "history_size": {"0": 0},
    "history_bytes": {"0": 0},
    "total_history_bytes": {"0": 0},
    "max_frame_bytes": {"1": 1},
    "max_topics": {"1": 1},
    "max_subscriptions": {"1": 1},
    "max_connections": {"1": 1},
    "max_http_connections": {"1": 1},
    "keep_alive": {"0": 0.0, "0.5": 0.5},
    "request_timeout": {"0.5": 0.5},
    "heartbeat_interval": {"0": 0.0, "0.5": 0.5},
    "ping_interval": {"0": 0.0, "0.5": 0.5},
    "ping_timeout": {"0.001": 0.001},
    "log_level": {"DEBUG": "DEBUG", "info": "INFO", "Warning": "WARNING", "ERROR": "ERROR", "CRITICAL": "CRITICAL"},
    "log_format": {"text": "text", "json": "json"},
}

REFUSED: dict[str, dict[str, str]] = {
    "host": {"": "must have at least 1 character, not ''"},
    "port": {
        "-1": f"{AT_LEAST_0}, not '-1'",
        "65536": "must be less than or equal to 65535, not '65536'",
        "80.5": f"{NOT_WHOLE}, not '80.5'",
        "": f"{NOT_WHOLE}, not ''",
        "80\n81": rf"{NOT_WHOLE}, not '80\n81'",
    },
    "docs": {"perhaps": "must be a valid boolean, unable to interpret input, not 'perhaps'"},
    "root_path": {
        text: f"must match pattern '^(/[A-Za-z0-9._~-]+)+$', not {text!r}" for text in ("", "/", "bus", "/bus/", "/a\n")
    },
    "api_key": {"": "must have at least 1 character"},
    "allowed_origins": {
        text: f"must be origins such as https://app.example.org, or *, not {text!r}"
        for text in (
            "app.example.org",
            "https://app.example.org/",
            "ftp://example.org",
            "https://*.example.org",
            "https://",
        )
    },
    "allowed_hosts": {
        text: f"must be names such as bus.example.org or *.example.org, without a port, or *, not {text!r}"
        for text in ("https://bus.example.org", "bus.example.org:443", "::1", "bus.example.org/x", "a b;c")
    },
    "max_queue_size": {"0": f"{AT_LEAST_1}, not '0'", "many": f"{NOT_WHOLE}, not 'many'"},
    "overflow_policy": {"DROP": "must be 'drop_oldest' or 'disconnect', not 'DROP'"},
    "max_queue_bytes": {"0": f"{AT_LEAST_1}, not '0'"},
    "total_queue_bytes": {"0": f"{AT_LEAST_1}, not '0'"},
    "history_size": {"-1": f"{AT_LEAST_0}, not '-1'"},
    "history_bytes": {"-1": f"{AT_LEAST_0}, not '-1'"},
    "total_history_bytes": {"-1": f"{AT_LEAST_0}, not '-1'", "1GB": f"{NOT_WHOLE}, not '1GB'"},
    "max_frame_bytes": {"0": f"{AT_LEAST_1}, not '0'", "1MB": f"{NOT_WHOLE}, not '1MB'"},
    "max_topics": {"0": f"{AT_LEAST_1}, not '0'"},
    "max_subscriptions": {"0": f"{AT_LEAST_1}, not '0'"},
    "max_connections": {"0": f"{AT_LEAST_1}, not '0'"},
    "max_http_connections": {"0": f"{AT_LEAST_1}, not '0'"},
    "keep_alive": {"-1": f"{AT_LEAST_0}, not '-1'"},
    "request_timeout": {"0": "must be greater than 0, not '0'"},
    "heartbeat_interval": {"-0.1": f"{AT_LEAST_0}, not '-0.1'", "nan": f"{NOT_FINITE}, not 'nan'"},
    "ping_interval": {"-0.1": f"{AT_LEAST_0}, not '-0.1'", "inf": f"{NOT_FINITE}, not 'inf'"},
    "ping_timeout": {"0": "must be greater than 0, not '0'", "20s": f"{NOT_A_NUMBER}, not '20s'"},
    "shutdown_deadline": {"-0.1": f"{AT_LEAST_0}, not '-0.1'", "1e400": f"{NOT_FINITE}, not '1e400'"},
    "log_level": {"LOUD": "must be 'DEBUG', 'INFO', 'WARNING', 'ERROR' or 'CRITICAL', not 'LOUD'"},
    "log_format": {"xml": "must be 'text' or 'json', not 'xml'"},
    "debug": {"perhaps": "must be a valid boolean, unable to interpret input, not 'perhaps'"},
}


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DEFAULTS:
        monkeypatch.delenv(f"PUBSUB_{name.upper()}", raising=False)


def cases(table: dict[str, dict[str, Any]]) -> list[Any]:
    """Each value of each setting in `table`."""
    return [
        pytest.param(name, text, outcome, id=f"{name}={text}")
        for name, values in table.items()
        for text, outcome in values.items()
    ]


def values(settings: Settings) -> dict[str, Any]:
    """What the settings are, by name."""
    found: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        value: Any = settings
        for attribute in setting.path:
            value = getattr(value, attribute)
        found[name] = value
    return found


def refusal(given: dict[str, str] | None = None) -> str:
    """The line with which the settings are refused."""
    with pytest.raises(SettingsError) as refused:
        load(given)
    return str(refused.value)


def test_every_setting_has_its_default_and_a_description_and_its_bounds_are_tested() -> None:
    assert values(load()) == DEFAULTS == {name: setting.default for name, setting in SETTINGS.items()}
    assert all(setting.description for setting in SETTINGS.values())
    assert list(ACCEPTED) == list(DEFAULTS)
    # Any path may be the documents': whether they are there, and good, shows when they are read.
    assert REFUSED.keys() == DEFAULTS.keys() - {"specs"}


@pytest.mark.parametrize(("name", "text", "value"), cases(ACCEPTED))
def test_a_value_within_bounds_is_taken_from_option_and_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    assert values(load({name: text})) == {**DEFAULTS, name: value}
    monkeypatch.setenv(f"PUBSUB_{name.upper()}", text)
    assert values(load()) == {**DEFAULTS, name: value if text else DEFAULTS[name]}


@pytest.mark.parametrize(("name", "text", "problem"), cases(REFUSED))
def test_a_wrong_value_is_one_line_that_names_option_or_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, problem: str
) -> None:
    assert refusal({name: text}) == f"--{name.replace('_', '-')}: {problem}"
    monkeypatch.setenv(f"PUBSUB_{name.upper()}", text)
    if text:
        assert refusal() == f"PUBSUB_{name.upper()}: {problem}"
    else:  # as Compose makes it of `${X:-}`
        assert values(load()) == DEFAULTS


@pytest.mark.parametrize("name", SETTINGS)
def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(SETTINGS[name].variable, "")
    assert values(load()) == DEFAULTS
    assert list(without_effect()) == []


KUBERNETES = {
    "PUBSUB_PORT": "tcp://10.96.0.1:8080",
    "PUBSUB_SERVICE_HOST": "10.96.0.1",
    "PUBSUB_SERVICE_PORT": "8080",
    "PUBSUB_SERVICE_PORT_HTTP": "8080",
    "PUBSUB_PORT_8080_TCP": "tcp://10.96.0.1:8080",
    "PUBSUB_PORT_8080_TCP_ADDR": "10.96.0.1",
    "PUBSUB_PORT_8080_TCP_PORT": "8080",
    "PUBSUB_PORT_8080_TCP_PROTO": "tcp",
    "PUBSUB_PORT_53_UDP": "udp://10.96.0.1:53",
    "PUBSUB_SPECS_SERVICE_HOST": "10.96.0.2",  # of a Service called pubsub-specs
    "PUBSUB_SPECS_PORT": "tcp://10.96.0.2:8080",
}


def test_the_variables_of_kubernetes_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KUBERNETES.items():
        monkeypatch.setenv(name, value)
    assert values(load()) == DEFAULTS
    assert values(load({"port": "1"}))["port"] == 1
    reason = "its value is one that Kubernetes sets for a Service; the option or the default holds"
    assert list(without_effect()) == [("PUBSUB_PORT", reason)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("PUBSUB_MAX_TOPIC", "there is no such setting: is PUBSUB_MAX_TOPICS meant?"),
        ("PUBSUB_HISTROY_SIZE", "there is no such setting: is PUBSUB_HISTORY_SIZE meant?"),
        ("PUBSUB_LOGLEVEL", "there is no such setting: is PUBSUB_LOG_LEVEL meant?"),
        ("pubsub_port", "there is no such setting: is PUBSUB_PORT meant?"),
        ("PUBSUB_EMULATOR_HOST", "there is no such setting"),
    ],
)
def test_a_variable_that_is_no_setting_is_told(monkeypatch: pytest.MonkeyPatch, name: str, reason: str) -> None:
    monkeypatch.setenv(name, "5")
    monkeypatch.setenv("PUBSUB_URL", "http://127.0.0.1:8080")  # of the client commands
    monkeypatch.setenv("PUBSUB_MAX_QUEUE_SIZE", "5")
    assert list(without_effect()) == [(name, reason)]


def test_an_option_wins_over_the_environment_for_its_own_setting_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_PORT", "1")
    monkeypatch.setenv("PUBSUB_MAX_TOPICS", "2")
    assert values(load({"port": "3"})) == {**DEFAULTS, "port": 3, "max_topics": 2}
    assert values(load({})) == {**DEFAULTS, "port": 1, "max_topics": 2}


def test_of_the_environment_only_the_settings_variables_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "MAX_TOPICS", "DEBUG", "PUBSUB_OF_ANOTHER_PROGRAM"):
        monkeypatch.setenv(name, "1")
    assert values(load()) == DEFAULTS


def test_a_setting_that_is_none_is_refused() -> None:
    assert refusal({"prot": "1"}).startswith("--prot: ")


def test_the_groups_hold_each_setting_under_its_own_name() -> None:
    settings = load({"max_topics": "5", "heartbeat_interval": "0", "log_level": "debug", "root_path": "/bus"})
    assert settings.limits == Limits(max_topics=5)
    assert settings.keepalive.heartbeat_interval == 0
    assert settings.log == Log("DEBUG")
    assert settings.server.root_path == "/bus"


def test_settings_made_by_a_program_do_without_the_environment_and_have_the_same_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PUBSUB_MAX_TOPICS", "2")
    assert values(Settings(limits=Limits(max_queue_size=1))) == {**DEFAULTS, "max_queue_size": 1}
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Settings(limits=Limits(max_queue_size=0))


def test_the_key_is_not_shown_and_settings_do_not_change() -> None:
    settings = load({"api_key": "secret"})
    assert "secret" not in f"{settings!r} {settings}"
    with pytest.raises(ValidationError, match="frozen"):
        settings.docs = False
    with pytest.raises(FrozenInstanceError):
        settings.server.port = 1  # type: ignore[misc]
