"""The command line as a user meets it: help, errors and exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ppcr_ros
from ppcr_ros import cli
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.core.pipeline import PPCRPipeline


def run_blocked(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``ppcr`` in its own process in which torch, transformers and rclpy cannot be imported."""
    program = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'rclpy', 'segment_anything', 'mujoco', 'cv2',\n"
        "             'huggingface_hub', 'safetensors'):\n"
        "    sys.modules[name] = None\n"
        "from ppcr_ros.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    root = Path(ppcr_ros.__file__).parents[1]
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True, text=True, check=False, cwd=root, timeout=600,
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("--version",), *((name, "--help") for name in cli.available_commands())],
)
def test_help_needs_neither_torch_nor_ros(arguments: tuple[str, ...]) -> None:
    done = run_blocked(*arguments)
    assert done.returncode == 0, done.stderr
    assert "ppcr" in done.stdout


def test_models_are_listed_without_torch(tmp_path: Path) -> None:
    config = tmp_path / "robot.yaml"
    config.write_text("/**:\n  ros__parameters:\n    mllm: {model: /nowhere}\n")
    done = run_blocked("models", "list", str(config))
    assert done.returncode == 0, done.stderr
    assert "MISSING: no such file or folder: /nowhere" in done.stdout


def test_without_torch_one_line_says_what_is_missing(image: Path) -> None:
    done = run_blocked("segment", str(image), "the green ball")
    assert done.returncode == 2
    assert "torch" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom ppcr_ros.cli import build_parser\nbuild_parser()\n"
        "print(sorted({'numpy', 'PIL', 'torch', 'yaml', 'tqdm'} & set(sys.modules)))"
    )
    root = Path(ppcr_ros.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [[], ["fly"], ["eval", "--foo"], ["eval", "--limit", "0"]])
def test_a_bad_command_line_ends_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: ppcr" in capsys.readouterr().err


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(config: Config) -> PPCRPipeline:
        raise ModelLoadError("the weights\nare missing; fetch them")

    monkeypatch.setattr("ppcr_ros.models.factory.build_pipeline", build)


@pytest.mark.usefixtures("no_weights")
def test_an_error_is_one_line_and_exit_code_2(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["segment", str(image), "the ball"]) == 2
    assert capsys.readouterr().err == "ppcr: the weights are missing; fetch them\n"


@pytest.mark.usefixtures("no_weights")
def test_debug_shows_where_it_came_from(image: Path) -> None:
    with pytest.raises(ModelLoadError):
        cli.main(["segment", str(image), "the ball", "--debug"])


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModuleNotFoundError("No module named 'tqdm'", name="tqdm"), "tqdm is not installed"),
        (ModuleNotFoundError("could not import AutoProcessor"), "could not import AutoProcessor"),
    ],
)
def test_a_missing_library_is_named_in_one_line(
    image: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: ModuleNotFoundError,
    message: str,
) -> None:
    def build(config: Config) -> PPCRPipeline:
        raise error

    monkeypatch.setattr("ppcr_ros.models.factory.build_pipeline", build)
    assert cli.main(["segment", str(image), "the ball"]) == 2
    assert capsys.readouterr().err == f"ppcr: {message}; ppcr doctor says what to do\n"


def test_ctrl_c_ends_with_130(
    image: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(config: Config) -> PPCRPipeline:
        raise KeyboardInterrupt

    monkeypatch.setattr("ppcr_ros.models.factory.build_pipeline", build)
    assert cli.main(["segment", str(image), "the ball"]) == 130
    assert capsys.readouterr().err == "ppcr: interrupted\n"


def test_a_bad_configuration_is_refused_by_name(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text("/**:\n  ros__parameters:\n    mllm: {colour: red}\n")
    assert cli.main(["segment", str(image), "the ball", "--config", str(path)]) == 2
    assert "unknown option mllm.colour" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "ppcr_ros.cli", "models"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate(timeout=300)
    assert process.returncode == cli.BROKEN_PIPE_EXIT_CODE
    assert said == ""


@pytest.mark.parametrize("debug", [True, False])
def test_debug_shows_the_traceback_of_an_exception_in_a_model(debug: bool, image: Path) -> None:
    program = (
        "import sys\n"
        "from ppcr_ros.cli import main\n"
        "from ppcr_ros.core.interfaces import Answer\n"
        "from ppcr_ros.core.pipeline import PPCRPipeline\n"
        "class Broken:\n"
        "    name = 'broken'\n"
        "    dialect = None\n"
        "    def open(self, frame): raise KeyError('deep in a model')\n"
        "import ppcr_ros.models.factory as factory\n"
        "factory.build_pipeline = lambda config: PPCRPipeline(Broken(), Broken(), config)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    extra = ["--debug"] if debug else []
    done = subprocess.run(
        [sys.executable, "-c", program, "segment", str(image), "the ball", *extra],
        capture_output=True, text=True, check=False, cwd=image.parent, timeout=120,
    )  # fmt: skip
    assert "deep in a model" in done.stdout + done.stderr
    assert ("Traceback" in done.stderr) is debug


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
def test_an_output_that_is_full_is_said_in_one_line() -> None:
    program = "import sys; from ppcr_ros import cli; sys.exit(cli.main(['models']))"
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert ended.returncode == 2
    assert ended.stderr == "ppcr: what is printed: No space left on device\n"


def test_without_an_output_a_command_still_runs() -> None:
    program = "import sys; from ppcr_ros import cli; sys.exit(cli.main(['models']))"
    ended = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, program],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("web", "--node", "noslash/ppcr!"),
        ("record", "--node", "bad name", "--into", "bags"),
        ("doctor", "--topics", "--image-topic", "bad topic!"),
    ],
)
def test_what_is_no_name_in_ros_is_refused_as_an_argument(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "is no name in ROS" in capsys.readouterr().err


def test_what_belongs_to_a_running_node_needs_its_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["web", "--camera", "wrist"]) == 2
    assert "--node" in capsys.readouterr().err
