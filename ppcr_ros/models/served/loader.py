"""A served MLLM from its configuration."""

from __future__ import annotations

from ppcr_ros.core.config import EMBEDDED, MllmConfig
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.models.mllm.family import MllmFamily
from ppcr_ros.models.served.client import EngineClient
from ppcr_ros.models.served.engine_access import shown_address
from ppcr_ros.models.served.mllm import ServedMllm


def load(config: MllmConfig, family: MllmFamily) -> ServedMllm:
    """The MLLM that the engine at ``mllm.endpoint`` serves; the engine need not run yet.

    Raises:
        ConfigError: where the endpoint, the model's name or the key's file is missing or wrong.
        ModelLoadError: where the package ``openai`` is missing, or cannot work with the
            environment's certificates and proxies.
    """
    if not config.model or config.model == EMBEDDED:
        raise ConfigError(
            f"mllm.model is {config.model!r}; expected the name under which the engine at "
            f"{shown_address(config.endpoint)} serves its model (ppcr doctor lists what it serves)."
        )
    return ServedMllm(config, family, EngineClient(config))
