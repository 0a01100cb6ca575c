"""Access to an engine: its address and its key, neither of which may show a secret."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.errors import ConfigError

NO_KEY = "none"
"""The word that engines without a key are given."""
_USER = re.compile(r"(?<=://)\S*@")
_ANY_USER = re.compile(r"[^\s'\"]*@")
_MOST_KEY_BYTES = 65536
_NETWORK = frozenset(
    (
        "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE",
    )
)  # fmt: skip


def shown_address(address: str) -> str:
    """``address`` for people, without the user and the password that it may hold."""
    return _USER.sub("", address)


def without_users(text: str) -> str:
    """``text`` without the users of addresses in it, those without ``http://`` as well."""
    return _ANY_USER.sub("", shown_address(text))


def shown_text(text: str, key: str, longest: int) -> str:
    """``text`` from an engine for people: on one line, printable, without key and passwords."""
    if key != NO_KEY and len(key) > 2:
        text = text.replace(key, "***")
    text = "".join(sign if sign.isprintable() else " " for sign in shown_address(text))
    return " ".join(text.split())[:longest].rstrip(". ")


def checked_address(config: MllmConfig) -> str:
    """``mllm.endpoint`` without the slashes at its end.

    Raises:
        ConfigError: where it is no address of an engine.
    """
    endpoint = config.endpoint
    expected = (
        "expected the URL of an OpenAI-compatible engine, such as http://workstation:8000/v1."
    )
    problem = ""
    try:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https"):
            problem = "it does not begin with http:// or https://"
        elif not parts.hostname:
            problem = "it names no computer"
        elif parts.port == 0:
            problem = "its port is 0"
        elif parts.query or parts.fragment:
            problem = "it holds a ? or a # and what follows"
    except ValueError:
        problem = "its port or its bracketed address cannot be read"
    if not problem and (not endpoint.isprintable() or " " in endpoint):
        problem = "it holds a space or a sign that cannot be printed"
    if problem:
        raise ConfigError(f"mllm.endpoint is {shown_address(endpoint)!r}: {problem}; {expected}")
    return endpoint.rstrip("/")


def engine_key(config: MllmConfig) -> str:
    """The key from the file or the environment; `NO_KEY` where there is none.

    A mark of the byte order and white space around the key are taken off.

    Raises:
        ConfigError: where the file cannot be read, or holds no key; without what it holds.
    """
    if not config.api_key_file:
        name = config.api_key_variable
        key = os.environ.get(name, "").strip()
        return _checked_key(key, f"the environment variable {name}") if key else NO_KEY
    about = f"mllm.api_key_file {config.api_key_file!r}"
    try:
        with Path(config.api_key_file).expanduser().open("rb") as file:
            raw = file.read(_MOST_KEY_BYTES)
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"{about} cannot be read: {error}. Expected a file that holds the engine's key and "
            "that the node may read."
        ) from error
    text = raw.decode("utf-8-sig", errors="replace").strip()
    return _checked_key(text, about)


def network_settings() -> str:
    """The environment variables that connections go by, and what they hold but for passwords."""
    names = [name for name in os.environ if name.upper() in _NETWORK]
    told = ", ".join(
        f"{name} is {without_users(os.environ[name])[:80]!r}" for name in sorted(names)
    )
    return f"In the environment {told}" if told else "The environment sets no proxy"


def _checked_key(key: str, about: str) -> str:
    problem = ""
    if not key:
        problem = "is empty"
    elif len(key.splitlines()) > 1:
        problem = f"holds {len(key.splitlines())} lines"
    elif not key.isascii() or not key.isprintable():
        problem = "holds a sign that no key has: one outside of ASCII, or one that is not printed"
    if problem:
        raise ConfigError(
            f"{about} {problem}; expected the engine's key alone, on one line of printable ASCII "
            "signs. Write the key into it anew."
        )
    return key
