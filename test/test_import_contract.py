"""Contract of imports: the arrows between the rooms run one way, lazy imports among them."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import ppcr_ros

ROBOT = Path(ppcr_ros.__file__).resolve().parent

ALLOWED: dict[str, frozenset[str]] = {
    "core": frozenset(),
    "drawing": frozenset({"core"}),
    "camera": frozenset({"core"}),
    "weights": frozenset({"core"}),
    "models": frozenset({"core", "weights"}),
    "health": frozenset({"core", "camera", "weights", "models"}),
    "replay": frozenset({"core", "camera", "drawing", "weights", "models"}),
    "service": frozenset({"core", "health", "models"}),
    "web": frozenset({"core", "drawing", "service"}),
    "ros": frozenset({"core", "camera", "drawing", "health", "models", "replay", "service", "web"}),
    "commands": frozenset(
        {"core", "camera", "drawing", "health", "models", "replay", "ros", "web", "weights"}
    ),
    "cli": frozenset({"core", "commands"}),
}
"""Each room of ppcr_ros (a module at the top counts as one) and the rooms that it may import."""

ROS = frozenset(
    {"rclpy", "cv_bridge", "message_filters", "rosidl_runtime_py", "tf_transformations", "tf2_ros"}
)
NO_ROS = ("core", "camera", "weights", "models", "health", "replay", "service", "drawing", "web")
NO_TORCH = ("core", "camera", "weights", "health", "service", "ros", "drawing", "web")


def python_files(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(ROBOT).parts[0].removesuffix(".py")


def imported_names(path: Path) -> Iterator[str]:
    """The full names that ``path`` imports, also within functions and for type checking."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def arrows() -> dict[tuple[str, str], list[str]]:
    """The arrows between the rooms of ppcr_ros, with the files that draw them."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in python_files(ROBOT):
        for name in imported_names(path):
            parts = name.split(".")
            if parts[0] == "ppcr_ros" and len(parts) > 1:
                found[room_of(path), parts[1]].append(str(path.relative_to(ROBOT)))
    return found


def test_every_arrow_between_rooms_is_allowed() -> None:
    rooms = {room_of(path) for path in python_files(ROBOT)} - {"__init__"}
    assert rooms <= ALLOWED.keys()
    forbidden = {
        f"{source} -> {target}": files
        for (source, target), files in arrows().items()
        if target in rooms and source != target and target not in ALLOWED[source]
    }
    assert forbidden == {}


def test_the_allowed_arrows_have_no_circle() -> None:
    placed: set[str] = set()
    while open_rooms := ALLOWED.keys() - placed:
        free = {room for room in open_rooms if ALLOWED[room] <= placed | {room}}
        assert free, f"a circle among {sorted(open_rooms)}"
        placed |= free


def test_the_robot_imports_nothing_of_the_laboratory() -> None:
    users = [
        str(path.relative_to(ROBOT))
        for path in python_files(ROBOT)
        if any(name.split(".")[0] == "ppcr_lab" for name in imported_names(path))
    ]
    assert users == []


@pytest.mark.parametrize("room", NO_ROS)
def test_a_room_without_ros_imports_none(room: str) -> None:
    messages = ("_msgs", "_srvs", "_interfaces")
    generated = ("ppcr_ros.msg", "ppcr_ros.action", "ppcr_ros.srv")
    users = [
        f"{path.relative_to(ROBOT)}: {name}"
        for path in python_files(ROBOT)
        if room_of(path) == room
        for name in imported_names(path)
        if (top := name.split(".")[0]) in ROS
        or top.endswith(messages)
        or name.startswith(generated)
    ]
    assert users == []


@pytest.mark.parametrize("room", NO_TORCH)
def test_a_room_without_torch_imports_none(room: str) -> None:
    for path in python_files(ROBOT):
        if room_of(path) == room:
            tops = {name.split(".")[0] for name in imported_names(path)}
            assert not tops & {"torch", "torchvision", "transformers", "segment_anything"}, path


def test_the_node_knows_nothing_of_the_page() -> None:
    """Of ``ros`` the page's own client and process use the room ``web``, and nothing uses them."""
    page = ("page_client", "page_main", "page_results")
    for path in python_files(ROBOT / "ros"):
        names = set(imported_names(path))
        if path.stem not in page:
            assert not [name for name in names if name.startswith("ppcr_ros.web")], path
            assert not [name for name in names if name.startswith("ppcr_ros.ros.page_")], path


def test_what_is_shown_knows_no_source_and_a_source_no_page() -> None:
    shown = {"page", "parts", "board", "pictures", "overlay", "thumbnails", "access", "server"}
    library = {"page", "parts", "server"}
    for path in python_files(ROBOT / "web"):
        names = set(imported_names(path))
        if path.stem in shown:
            assert not [name for name in names if "embedded_source" in name], path
        else:
            assert not [name for name in names if name.startswith("ppcr_ros.web.pa")], path
        if path.stem not in library:
            assert not [name for name in names if name.startswith("nicegui")], path


def test_the_stages_import_no_other_stage() -> None:
    stages = {"semantic", "spatial", "segmentation", "direct"}
    for path in python_files(ROBOT / "core" / "stages"):
        others = {
            name.split(".")[3]
            for name in imported_names(path)
            if name.startswith("ppcr_ros.core.stages.")
        }
        assert not (others & stages) - {path.stem}, path
