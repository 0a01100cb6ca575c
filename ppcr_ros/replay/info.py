"""Record of what a decision was made with, beside its inputs: the topic ``~/record_info``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

from ppcr_ros.core.config import Config, config_from_flat, flatten
from ppcr_ros.core.documents import parse_json
from ppcr_ros.core.errors import ConfigError, PPCRError
from ppcr_ros.core.options import Scalar
from ppcr_ros.weights.location import beside, locate, sha256_of
from ppcr_ros.weights.provenance import machine, package_versions

FORMAT = 1
"""Of the JSON text; a reader refuses a newer one."""

INFO_TOPIC = "record_info"
"""Its last part; the node's is ``/ppcr/record_info``."""

_NO_BEARING = ("node.", "record.", "pipeline.offline")
"""Options that change no decision on a given image."""
_PACKAGES = (
    "ppcr_ros",
    "python",
    "numpy",
    "torch",
    "torchvision",
    "transformers",
    "tokenizers",
    "segment-anything",
    "pillow",
    "opencv",
)
_MAPPINGS = ("topics", "config", "weights_sha256", "packages", "machine", "message_sha256")
_MACHINE = ("torch_threads", "accelerator", "processor")


class InfoError(PPCRError):
    """A ``~/record_info`` that cannot be understood."""


@dataclass(frozen=True)
class RecordInfo:
    """Record of what a decision was made with.

    Attributes:
        topics: the topic of each role: ``image``, ``depth``, ``camera_info``, ``command``,
            ``semantic_prompt``, ``spatial_prompt``, ``result``.
        config: every option by its dotted name, as it was for this decision.
        weights_sha256: the SHA-256 of each weight file, as ``mllm/model.safetensors``.
        packages: versions of the packages that matter.
        machine: processor, cores, accelerator, operating system, ``torch_threads``.
        message_sha256: the SHA-256 of each serialised message but this one, by topic.
        command_id: whose decision it is.
        date: when it was written, ISO 8601, UTC.
        recorded_by: ``node`` or ``ppcr record``.
        format: of this text.
    """

    topics: Mapping[str, str]
    config: Mapping[str, Scalar]
    weights_sha256: Mapping[str, str]
    packages: Mapping[str, str]
    machine: Mapping[str, str]
    message_sha256: Mapping[str, str] = field(default_factory=dict)
    command_id: str = ""
    date: str = ""
    recorded_by: str = "node"
    format: int = FORMAT

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> RecordInfo:
        """The inverse of `to_json`; what a later version added is left out.

        Raises:
            InfoError: when the text is something else, or of a newer format.
        """
        try:
            values = parse_json(text)
            if not isinstance(values, dict) or type(values["format"]) is not int:
                raise ValueError("no object with a format")
            if values["format"] > FORMAT:
                raise InfoError(
                    f"the recording has format {values['format']} and this version reads up to "
                    f"{FORMAT}: replay it with a newer ppcr_ros."
                )
            known = {item.name: values[item.name] for item in fields(cls) if item.name in values}
            info = cls(**known)
        except (ValueError, KeyError, TypeError) as error:
            raise InfoError(f"{INFO_TOPIC} holds {text[:80]!r}; expected JSON: {error}.") from error
        info._check_types()
        return info

    def _check_types(self) -> None:
        """See that a stranger's text holds what ours would.

        Raises:
            InfoError: naming what does not.
        """
        for name in _MAPPINGS:
            values = getattr(self, name)
            if not isinstance(values, dict):
                raise InfoError(f"{INFO_TOPIC}: {name} is no mapping; the bag is damaged.")
            allowed = (bool, int, float, str) if name == "config" else (str,)
            for key, value in values.items():
                if not isinstance(value, allowed):
                    raise InfoError(
                        f"{INFO_TOPIC}: {name} has {value!r:.60} under {key!r:.60}; expected text"
                        f"{' or a number' * (name == 'config')}. The bag is damaged."
                    )
        for name in ("command_id", "date", "recorded_by"):
            if not isinstance(getattr(self, name), str):
                raise InfoError(f"{INFO_TOPIC}: {name} is no text; the bag is damaged.")


def weights_checksums(config: Config) -> dict[str, str]:
    """The SHA-256 of every weight, adapter and calibration file of ``config``; reads all of them.

    What is not on this machine is left out.
    """
    digests = {
        f"{model.role}/{name}": digest
        for model in locate(config)
        for name, digest in model.sha256().items()
    }
    return digests | {f"{path.parent.name}/{path.name}": sha256_of(path) for path in beside(config)}


def present_info(
    config: Config,
    weights_sha256: Mapping[str, str],
    *,
    topics: Mapping[str, str] | None = None,
    message_sha256: Mapping[str, str] | None = None,
    command_id: str = "",
    recorded_by: str = "node",
) -> RecordInfo:
    """The info of a decision that this process made with ``config``."""
    return RecordInfo(
        topics=dict(topics or {}),
        config=flatten(config),
        weights_sha256=dict(weights_sha256),
        packages=_installed_versions(),
        machine=machine() | {"omp_num_threads": os.environ.get("OMP_NUM_THREADS", "")},
        message_sha256=dict(message_sha256 or {}),
        command_id=command_id,
        date=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        recorded_by=recorded_by,
    )


@lru_cache(maxsize=1)
def _installed_versions() -> dict[str, str]:
    """The versions of the packages that matter, OpenCV's among them; looked up once."""
    packages = package_versions()
    with suppress(ImportError):
        import cv2  # a distribution's has no metadata that says its version

        packages["opencv"] = str(cv2.__version__)
    return packages


def recorded_config(info: RecordInfo) -> tuple[Config, list[str]]:
    """The recorded configuration, and the names of options that this version does not know.

    Raises:
        ConfigError: when a recorded value is unacceptable here.
    """
    known = flatten(Config())
    unknown = sorted(set(info.config) - set(known))
    try:
        return config_from_flat({k: v for k, v in info.config.items() if k in known}), unknown
    except ConfigError as error:
        raise ConfigError(f"the recorded configuration does not fit: {error}") from error


def setup_differences(recorded: RecordInfo, present: RecordInfo) -> list[str]:
    """What differs of the set-ups, a line each, what most likely changes a decision first."""
    lines: list[str] = []
    for title, ours, theirs, cut in (
        ("weights", recorded.weights_sha256, present.weights_sha256, 16),
        ("option", _relevant_options(recorded.config), _relevant_options(present.config), 200),
        (
            "package",
            _relevant_packages(recorded.packages),
            _relevant_packages(present.packages),
            60,
        ),
        ("machine", _of_machine(recorded.machine), _of_machine(present.machine), 80),
    ):
        for name in sorted({*ours, *theirs}):
            before, now = (_shown(values, name, cut) for values in (ours, theirs))
            if before != now:
                lines.append(f"{title} {name}: recorded {before}, here {now}")
    return lines


def _relevant_options(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if not name.startswith(_NO_BEARING)}


def _relevant_packages(packages: Mapping[str, str]) -> dict[str, str]:
    return {name: packages[name] for name in _PACKAGES if name in packages}


def _of_machine(values: Mapping[str, str]) -> dict[str, str]:
    return {name: values[name] for name in _MACHINE if name in values}


def _shown(values: Mapping[str, Any], name: str, cut: int) -> str:
    return str(values[name])[:cut] if name in values else "none"
