"""The single checks of ``ppcr doctor``.

Each tries the thing itself, not only whether a package of that name is installed, and never raises.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from importlib import metadata
from pathlib import Path
from types import ModuleType

from ppcr_ros.commands.plugins import load_plugins
from ppcr_ros.core.config import Config
from ppcr_ros.core.units import size_text
from ppcr_ros.health.model_findings import weight_findings
from ppcr_ros.weights.location import ModelWeights, locate

OLDEST_PYTHON = (3, 10)
_ROS_ADVICE = "source your ROS 2 distribution (. /opt/ros/<distro>/setup.bash), or make build"


class State(Enum):
    """Ending of a check."""

    OK = "OK"
    MISSING = "MISSING"
    WRONG = "WRONG"


@dataclass(frozen=True)
class Check:
    """Result of one check.

    Attributes:
        name: what was looked at.
        state: how it is.
        detail: version, device, or what is the matter.
        advice: what to do; empty where nothing is.
        needed: whether a problem here makes the whole installation one.
    """

    name: str
    state: State
    detail: str
    advice: str = ""
    needed: bool = True

    @property
    def bad(self) -> bool:
        """Whether something is missing or wrong."""
        return self.state is not State.OK

    @property
    def fails(self) -> bool:
        """Whether that makes the whole installation one that does not work."""
        return self.bad and self.needed

    def as_dict(self) -> dict[str, str | bool]:
        """For JSON; the state by its name."""
        return {
            "name": self.name,
            "state": self.state.value,
            "detail": self.detail,
            "advice": self.advice,
            "needed": self.needed,
        }


def all_checks(*, ros_needed: bool, sim_needed: bool) -> Iterator[Check]:
    """Every check, each run when it is asked for.

    Args:
        ros_needed: count ROS 2 as needed even where no ROS environment is set up.
        sim_needed: count the renderer as needed.
    """
    yield _python()
    yield _package("numpy", "pip install numpy")
    yield _package("PIL", "pip install pillow", distribution="pillow")
    yield _package("tqdm", "pip install tqdm")
    yield _package("cv2", "pip install opencv-python-headless", "opencv-python-headless")
    yield _run_check("torch", _torch, "pip install torch (see https://pytorch.org for CUDA builds)")
    yield _package("transformers", "pip install transformers")
    yield _run_check("torchvision", _torchvision, "pip install --no-deps torchvision")
    yield _run_check("segment_anything", _segment_anything, "pip install segment-anything")
    for weights in locate(Config()):
        yield _run_check(f"embedded {weights.role}", partial(_embedded, weights), "")
    for check in _ros_checks():
        yield replace(check, needed=check.needed and (ros_needed or ros_is_set_up()))
    for name, check in load_plugins("ppcr_ros.checks").items():
        yield replace(_run_check(name, check, f"pip install {name}"), needed=sim_needed)
    for name, use in (
        ("pycocotools", "RefCOCO's files"),
        ("matplotlib", "ppcr train curve"),
        ("rosbags", "ppcr record and replay, and the node's record.folder"),
    ):
        yield replace(_package(name, f"pip install {name}, for {use}"), needed=False)


def ros_is_set_up() -> bool:
    """Whether a ROS environment is sourced or rclpy is installed."""
    sourced = any(os.environ.get(name) for name in ("ROS_DISTRO", "AMENT_PREFIX_PATH"))
    return sourced or importlib.util.find_spec("rclpy") is not None


def _ros_checks() -> Iterator[Check]:
    yield _run_check("rclpy", _rclpy, _ROS_ADVICE)
    yield _run_check(
        "ppcr_ros.msg",
        _messages,
        "build the package (make build, or colcon build) and source install/local_setup.bash",
    )
    filters = _package("message_filters", "install ros-<distro>-message-filters")
    yield replace(filters, needed=False)


def _run_check(name: str, check: Callable[[], Check], advice: str) -> Check:
    """``check``, or what it raised, as a result; a library may raise anything when imported."""
    try:
        return check()
    except ModuleNotFoundError as error:
        return Check(name, State.MISSING, f"no module {error.name}", advice)
    except Exception as error:  # noqa: BLE001 - the check reports it
        reason = " ".join(str(error).split())
        return Check(name, State.WRONG, f"{type(error).__name__}: {reason:.300}", advice)


def _package(name: str, advice: str, distribution: str = "") -> Check:
    def check() -> Check:
        module = importlib.import_module(name)
        return Check(name, State.OK, _version(module, distribution or name))

    return _run_check(name, check, advice)


def _version(module: ModuleType, distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return str(getattr(module, "__version__", "")) or str(module.__file__)


def _python() -> Check:
    found = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return Check("python", State.WRONG, found, f"use Python {oldest} or newer")
    return Check("python", State.OK, f"{found}  {sys.executable}")


def _torch() -> Check:
    import torch

    if torch.cuda.is_available():
        return Check(
            "torch", State.OK, f"{torch.__version__}, cuda: {torch.cuda.get_device_name()}"
        )
    detail = f"{torch.__version__}, cpu, {torch.get_num_threads()} threads"
    if Path("/dev/nvidia0").exists():
        advice = "this machine has an NVIDIA GPU that torch does not see: install a CUDA build"
        return Check("torch", State.WRONG, detail, advice, needed=False)
    return Check("torch", State.OK, detail)


def _torchvision() -> Check:
    import torch

    from ppcr_ros.models.torchvision_schemas import make_torchvision_importable

    make_torchvision_importable()
    torchvision = importlib.import_module("torchvision")
    library = Path(str(torchvision.__file__)).parent
    detail = f"{_version(torchvision, 'torchvision')}"
    if not _operators_fit(torch, library):
        detail += ", its operators do not fit this torch: transforms only, which is enough"
    return Check("torchvision", State.OK, detail)


def _operators_fit(torch: ModuleType, library: Path) -> bool:
    for path in sorted(library.glob("_C*.so")):
        try:
            torch.ops.load_library(str(path))
        except (OSError, ImportError, RuntimeError):
            continue
        return True
    return False


def _segment_anything() -> Check:
    from ppcr_ros.models.torchvision_schemas import make_torchvision_importable

    make_torchvision_importable()
    module = importlib.import_module("segment_anything")
    return Check("segment_anything", State.OK, _version(module, "segment-anything"))


def _embedded(weights: ModelWeights) -> Check:
    name = f"embedded {weights.role}"
    for finding in weight_findings(weights):
        state = State.MISSING if weights.place is None else State.WRONG
        return Check(name, state, f"{finding.what}; {finding.expected}", finding.remedy)
    digests = ", ".join(f"sha256 {digest[:16]}" for digest in weights.sha256().values())
    return Check(name, State.OK, f"{size_text(weights.size_bytes)}, {digests}")


def _rclpy() -> Check:
    rclpy = importlib.import_module("rclpy")
    rmw = importlib.import_module("rclpy.utilities").get_rmw_implementation_identifier()
    distribution = os.environ.get("ROS_DISTRO", "wheels")
    return Check("rclpy", State.OK, f"{distribution}, {rmw}  {rclpy.__file__}")


def _messages() -> Check:
    module = importlib.import_module("ppcr_ros.msg")
    for name in ("SemanticPrompt", "SpatialPrompt", "ReferringSegmentation"):
        getattr(module, name)()  # loads the type support that a message needs to be published
    return Check("ppcr_ros.msg", State.OK, str(Path(str(module.__file__)).parent))
