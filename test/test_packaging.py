"""Agreement between files: what is declared in one and used in another."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

import ppcr_ros
from ppcr_ros.core.config import Config, flatten, load_config
from ppcr_ros.core.types import Status

ROOT = Path(__file__).resolve().parents[1]
CONFIG_FILES = sorted((ROOT / "config").glob("*.yaml"))
MESSAGE_FILES = sorted(
    (*ROOT.glob("msg/*.msg"), *ROOT.glob("srv/*.srv"), *ROOT.glob("action/*.action"))
)

ROSDEP_KEY_OF_MODULE = {
    "PIL": "python3-pil",
    "cv2": "python3-opencv",
    "numpy": "python3-numpy",
    "tqdm": "python3-tqdm",
    "transforms3d": "python3-transforms3d",
    "yaml": "python3-yaml",
    "sensor_msgs_py": "sensor_msgs_py",
    "ament_index_python": "ament_index_python",
}
FROM_PIP = {
    "bitsandbytes",
    "bpy",
    "fastapi",
    "hypothesis",
    "huggingface_hub",
    "mathutils",
    "matplotlib",
    "mujoco",
    "nicegui",
    "pybullet",
    "pycocotools",
    "regex",
    "rosbags",
    "safetensors",
    "segment_anything",
    "selenium",
    "tokenizers",
    "torch",
    "torchvision",
    "transformers",
    "uvicorn",
}
"""No rosdep key fits: the extras of setup.cfg install them."""


OPTIONAL_ROS = {"bond", "moveit_msgs", "shape_msgs", "vision_msgs"}
"""Used where they are installed; package.xml does not ask for them."""


def imported_modules(folder: Path) -> dict[str, Path]:
    """Top-level modules that the Python files below ``folder`` import -> one file that does."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in names:
                found.setdefault(name.split(".")[0], path)
    return found


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def requirement_names(text: str) -> set[str]:
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return {re.split(r"[<>=!~;\[ ]", line)[0].lower() for line in lines if line}


@pytest.fixture(scope="module")
def manifest() -> ElementTree.Element:
    return ElementTree.parse(ROOT / "package.xml").getroot()


@pytest.fixture(scope="module")
def declared(manifest: ElementTree.Element) -> set[str]:
    return {(element.text or "").strip() for element in manifest if element.tag.endswith("depend")}


def test_manifest_is_format_3_and_built_by_ament_cmake(manifest: ElementTree.Element) -> None:
    assert manifest.get("format") == "3"
    assert manifest.findtext("name") == "ppcr_ros"
    assert manifest.findtext("export/build_type") == "ament_cmake"
    assert manifest.findtext("member_of_group") == "rosidl_interface_packages"
    assert manifest.findtext("license") == "Apache-2.0"


def test_manifest_is_accepted_by_catkin_pkg() -> None:
    catkin_pkg = pytest.importorskip("catkin_pkg.package", reason="catkin_pkg is not installed")
    warnings: list[str] = []
    package = catkin_pkg.parse_package(str(ROOT / "package.xml"), warnings=warnings)
    package.validate(warnings=warnings)
    assert warnings == []


@pytest.mark.parametrize("folder", ["ppcr_ros", "ppcr_lab", "launch", "scripts"])
def test_every_import_is_declared(folder: str, declared: set[str]) -> None:
    known = set(sys.stdlib_module_names) | FROM_PIP | OPTIONAL_ROS | {"ppcr_lab", "ppcr_ros"}
    undeclared = {
        module: str(path.relative_to(ROOT))
        for module, path in imported_modules(ROOT / folder).items()
        if module not in known and ROSDEP_KEY_OF_MODULE.get(module, module) not in declared
    }
    assert undeclared == {}


def test_packages_that_cmake_finds_are_declared(declared: set[str]) -> None:
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    found = set(re.findall(r"find_package\((\w+) REQUIRED\)", text))
    assert found
    assert found <= declared


def test_packages_of_message_fields_are_declared_and_found_by_cmake(declared: set[str]) -> None:
    used = {
        kind.split("/")[0] for path in MESSAGE_FILES for kind, _ in fields_of(path) if "/" in kind
    }
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert used - {"ppcr_ros"} <= declared
    assert all(f"find_package({name} REQUIRED)" in text for name in used - {"ppcr_ros"})


def test_every_message_is_generated() -> None:
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert set(re.findall(r'"((?:msg|srv|action)/\w+\.\w+)"', text)) == {
        f"{path.parent.name}/{path.name}" for path in MESSAGE_FILES
    }


def fields_of(path: Path) -> Iterator[tuple[str, str]]:
    """(type, name) of each field and constant."""
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split("#")[0].split()
        if words and words != ["---"]:
            yield words[0], words[1]


@pytest.mark.parametrize("path", MESSAGE_FILES, ids=lambda path: path.stem)
def test_every_message_field_has_a_comment_above_it(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    bare = [
        line
        for above, line in zip(["", *lines], lines, strict=False)
        if line not in ("", "---") and not line.startswith("#") and not above.startswith("#")
    ]
    assert bare == []


def test_status_constants_are_those_of_the_core() -> None:
    text = (ROOT / "msg" / "ReferringSegmentation.msg").read_text(encoding="utf-8")
    constants = {
        name: int(value) for name, value in re.findall(r"^uint8 (\w+) = (\d+)", text, re.M)
    }
    assert constants == {"UNKNOWN": 0} | {status.name: status.value for status in Status}


@pytest.mark.parametrize("path", CONFIG_FILES, ids=lambda path: path.stem)
def test_config_file_loads(path: Path) -> None:
    assert isinstance(load_config(path), Config)


@pytest.mark.parametrize(
    "path", [path for path in CONFIG_FILES if path.stem != "ppcr"], ids=lambda path: path.stem
)
def test_config_for_a_robot_names_models_of_its_own_and_their_memory(path: Path) -> None:
    config, default, text = load_config(path), Config(), path.read_text(encoding="utf-8")
    assert config.mllm.model != default.mllm.model
    assert config.segmenter.model != default.segmenter.model
    assert config.pipeline.offline
    for revision in (config.mllm.revision, config.segmenter.revision):
        assert re.fullmatch(r"|[0-9a-f]{40}", revision)
    assert "GB" in text or "memory is not in docs/sizing.md" in text


def test_default_config_file_names_every_option_with_its_default() -> None:
    path = ROOT / "config" / "ppcr.yaml"
    assert load_config(path) == Config()
    text = path.read_text(encoding="utf-8")
    missing = [name for name in flatten(Config()) if f"\n      {name.split('.')[1]}: " not in text]
    assert missing == []


def test_default_config_file_is_what_the_generator_writes(tmp_path: Path) -> None:
    fresh = tmp_path / "ppcr.yaml"
    subprocess.run([sys.executable, ROOT / "tools" / "default_config.py", fresh], check=True)
    written = (ROOT / "config" / "ppcr.yaml").read_text(encoding="utf-8")
    assert written == fresh.read_text(encoding="utf-8"), "run `make config`"


def test_version_is_the_same_everywhere(manifest: ElementTree.Element) -> None:
    assert manifest.findtext("version") == ppcr_ros.__version__
    assert setup_cfg()["metadata"]["version"] == "attr: ppcr_ros.__version__"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {ppcr_ros.__version__}" in changelog


def test_data_files_of_the_package_are_installed_by_pip() -> None:
    package = ROOT / "ppcr_ros"
    patterns = setup_cfg()["options.package_data"]["ppcr_ros"].split()
    installed = {path for pattern in patterns for path in package.glob(pattern)}
    data = {
        path
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and "__pycache__" not in path.parts
    }
    assert package / "py.typed" in data
    assert sorted(str(path.relative_to(ROOT)) for path in data - installed) == []


def test_every_folder_with_sources_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "ppcr_ros").rglob("*.py")}
    assert sorted(str(path) for path in folders if not (path / "__init__.py").is_file()) == []


def test_extras_and_requirement_files_name_the_same_packages() -> None:
    extras = setup_cfg()["options.extras_require"]
    base = setup_cfg()["options"]["install_requires"]
    files = {
        path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "requirements").iterdir()
    }
    parts = ("models", "sim", "evaluation", "replay")
    everything = requirement_names(base + "".join(extras[part] for part in parts))
    assert everything == requirement_names(
        files["runtime"] + "\n" + files["torch"] + "\n" + files["torchvision"]
    )
    assert requirement_names(extras["dev"]) == requirement_names(files["dev"])
    assert requirement_names(extras["web"]) == requirement_names(files["web"])
    assert requirement_names(extras["web"]) <= requirement_names(extras["dev"])


def test_a_robot_gets_the_same_models_libraries() -> None:
    def lines(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        return {line.split("#")[0].strip() for line in text.splitlines()} - {""}

    libraries = ("transformers", "segment-anything", "huggingface-hub", "safetensors", "tokenizers")
    wanted = {line for line in lines("runtime.txt") if line.startswith(libraries)}
    assert len(wanted) == len(libraries) + 1
    assert wanted <= lines("robot.txt")
    names = {re.split(r"[<>=]", line)[0] for line in lines("robot.txt")}
    assert {"torch", "torchvision"} <= names


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").iterdir()), ids=lambda path: path.name)
def test_executable_is_installed_and_calls_a_function_that_exists(path: Path) -> None:
    assert path.stat().st_mode & 0o111
    assert f"scripts/{path.name}" in (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    imports = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(("ppcr_ros", "ppcr_lab"))
    ]
    assert len(imports) == 1
    source = ROOT / ((imports[0].module or "").replace(".", "/") + ".py")
    tree = ast.parse(source.read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {alias.name for alias in imports[0].names} <= functions


def test_node_that_is_interrupted_while_it_imports_ends_without_a_traceback(tmp_path: Path) -> None:
    slow = tmp_path / "ppcr_ros" / "ros"
    slow.mkdir(parents=True)
    for name in ("ppcr_ros/__init__.py", "ppcr_ros/ros/__init__.py"):
        (tmp_path / name).touch()
    (slow / "main.py").write_text("import signal\nprint('importing', flush=True)\nsignal.pause()\n")
    process = subprocess.Popen(
        [sys.executable, ROOT / "scripts" / "ppcr_node"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert (process.returncode, said) == (-signal.SIGINT, "")


def test_a_headless_robot_installs_no_viewer() -> None:
    needed = {item.text for item in ElementTree.parse(ROOT / "package.xml").iter("exec_depend")}
    assert not needed & {"rviz2", "rviz_default_plugins", "cv_bridge"}


def test_the_release_tools_find_the_version() -> None:
    text = (ROOT / "CHANGELOG.rst").read_text(encoding="utf-8")
    assert re.search(rf"^(Forthcoming|{re.escape(ppcr_ros.__version__)} \(.*\))\n-+$", text, re.M)
    assert "ppcr_ros" in text.splitlines()[1]


def test_what_the_readme_says_to_the_demo_fits_its_scene() -> None:
    from ppcr_lab.sim.recording import load_recording

    after = (ROOT / "README.md").read_text(encoding="utf-8").split("demo.launch.py")[1]
    (said,) = re.findall(r"\{data: (.+?)\}", after.split("###")[0])
    assert any(said in command.text for command in load_recording().scenes[0].commands)


def test_every_example_is_named_in_the_docs() -> None:
    page = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    others = {"__pycache__", "README.md"}
    names = {path.name for path in (ROOT / "examples").iterdir()} - others
    assert {name for name in names if f"]({name})" in page} == names


@pytest.mark.slow
@pytest.mark.timeout(2000)
def test_the_messages_alone_install_nothing_else(tmp_path: Path) -> None:
    if not (shutil.which("cmake") and os.environ.get("CMAKE_PREFIX_PATH")):
        pytest.skip("needs cmake and a ROS 2 environment (make build)")
    for name, alone in {"messages": "ON", "whole": "OFF"}.items():
        options = [f"-DPython3_EXECUTABLE={sys.executable}", f"-DPPCR_MESSAGES_ONLY={alone}"]
        subprocess.run(
            ["cmake", "-S", ROOT, "-B", tmp_path / name, "-DBUILD_TESTING=OFF", *options],
            check=True,
            capture_output=True,
            timeout=900,
        )
    installed = {
        name: (tmp_path / name / "cmake_install.cmake").read_text(encoding="utf-8")
        for name in ("messages", "whole")
    }
    for part in ("ppcr_lab", "scripts/ppcr_node", "launch"):
        assert f"{ROOT}/{part}" in installed["whole"]
        assert f"{ROOT}/{part}" not in installed["messages"]
    assert "FindObject.srv" in installed["messages"]
