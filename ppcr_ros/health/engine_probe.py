"""Probes the engine that serves an MLLM: whether it can be reached, and what it serves."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import NamedTuple

from ppcr_ros.core.config import MllmConfig

_NOT_READY = (429, 500, 502, 503, 504)
_MOST_BYTES = 1_000_000


class EngineState(NamedTuple):
    """Answers of an engine about itself.

    Attributes:
        problem: why it cannot be used; empty where it answers.
        models: the names of what it serves; empty where it does not tell.
    """

    problem: str
    models: tuple[str, ...] = ()


def look_at_engine(config: MllmConfig) -> EngineState:
    """Ask the engine of ``mllm.endpoint`` what it serves; a refused key is an answer too."""
    url = f"{config.endpoint.rstrip('/')}/models"
    try:
        request = urllib.request.Request(url)
        with urllib.request.urlopen(request, timeout=config.connect_timeout_sec) as answer:
            listed = json.loads(answer.read(_MOST_BYTES))
    except urllib.error.HTTPError as answer:
        return EngineState(f"status {answer.code}" if answer.code in _NOT_READY else "")
    except OSError as error:
        return EngineState(str(getattr(error, "reason", error)))
    except ValueError as error:
        return EngineState(f"its answer cannot be read: {error}")
    data = listed.get("data") if isinstance(listed, dict) else None
    names = [item.get("id") for item in data or () if isinstance(item, dict)]
    return EngineState("", tuple(name for name in names if isinstance(name, str)))


def engine_answers(config: MllmConfig) -> bool:
    """Whether the engine of ``mllm.endpoint`` answers."""
    return not look_at_engine(config).problem
