"""Whether the engine that serves an MLLM can be reached."""

from __future__ import annotations

import urllib.error
import urllib.request

from ppcr_ros.core.config import MllmConfig

_NOT_READY = (429, 500, 502, 503, 504)


def engine_answers(config: MllmConfig) -> bool:
    """Whether the engine of ``mllm.endpoint`` answers; a refused key is an answer too."""
    request = urllib.request.Request(f"{config.endpoint.rstrip('/')}/models")
    try:
        with urllib.request.urlopen(request, timeout=config.connect_timeout_sec):
            return True
    except urllib.error.HTTPError as answer:
        return answer.code not in _NOT_READY
    except (OSError, ValueError):
        return False
