"""The one configuration in force, which may change while the node runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ppcr_ros.core.config import Config


class ConfigSource(Protocol):
    """Holder of a configuration: who works by it reads `current` at the start of each run."""

    @property
    def current(self) -> Config:
        """The options of this moment; an immutable value, the same for the whole of a run."""
        ...


class LiveConfig:
    """The configuration that all parts of a node share.

    One thread replaces it, any thread reads it: a change holds for every part from its next run on,
    also for those that are still being loaded.

    Example:
        >>> live = LiveConfig(Config())
        >>> live.replace(config_from_flat({"pipeline.min_confidence": 0.9}))
        >>> live.current.pipeline.min_confidence
        0.9
    """

    def __init__(self, config: Config | None = None) -> None:
        self._config = config or Config()

    @property
    def current(self) -> Config:
        """The options of this moment."""
        return self._config

    def replace(self, config: Config) -> None:
        """From now on ``config`` is in force."""
        self._config = config


@dataclass(frozen=True)
class DerivedConfig:
    """A configuration that follows another one, such as that of the models of a fallback.

    Attributes:
        source: the configuration in force.
        change: makes the derived one of it.
    """

    source: ConfigSource
    change: Callable[[Config], Config]

    @property
    def current(self) -> Config:
        """The source's options of this moment, changed."""
        return self.change(self.source.current)
