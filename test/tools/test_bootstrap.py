"""The set-up that `make` runs, as far as it can be run without installing anything."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

# The path is set in conftest.py.
from tools.bootstrap import distribution, host
from tools.bootstrap.errors import SetupError
from tools.bootstrap.layout import REPOSITORY, Layout
from tools.bootstrap.messages import Messages
from tools.bootstrap.packages import is_usable_venv, read_requirements, requirement_name
from tools.bootstrap.steps import Steps, fingerprint


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path / "setup.log")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout with one of everything that the build looks at."""
    for name in (
        "CMakeLists.txt",
        "package.xml",
        "msg/A.msg",
        "action/A.action",
        "ppcr_ros/a.py",
        "ppcr_ros/__pycache__/a.pyc",
        "config/ppcr.yaml",
        "launch/ppcr.launch.py",
        "scripts/ppcr",
    ):
        path = tmp_path / "checkout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first", encoding="utf-8")
    return tmp_path / "checkout"


class TestSteps:
    def test_runs_once_and_again_where_an_input_changes(self, steps: Steps, tmp_path: Path) -> None:
        stamp, file, runs = tmp_path / "stamp", tmp_path / "input", []
        for content in ("one", "one", "two", "two"):
            file.write_text(content, encoding="utf-8")
            steps.once("step", stamp, [file], lambda: runs.append(file.read_text(encoding="utf-8")))
        assert runs == ["one", "two"]

    def test_a_failed_step_is_run_again(self, steps: Steps, tmp_path: Path) -> None:
        def fail() -> None:
            raise SetupError("no network")

        with pytest.raises(SetupError, match="no network"):
            steps.once("step", tmp_path / "stamp", ["x"], fail)
        assert steps.once("step", tmp_path / "stamp", ["x"], lambda: None)

    def test_says_what_is_done_and_how_long_it_took(
        self, steps: Steps, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        steps.once("ROS 2 wheels", tmp_path / "stamp", ["x"], lambda: None)
        assert capsys.readouterr().out == "  ROS 2 wheels ... 0 s\n"

    def test_a_failing_command_is_told_with_its_output_advice_and_log(
        self, steps: Steps, tmp_path: Path
    ) -> None:
        program = "import sys; print('the reason'); sys.exit(3)"
        with pytest.raises(SetupError) as caught:
            steps.run([sys.executable, "-c", program], cwd=tmp_path, advice="Do this.")
        message = str(caught.value)
        assert "code 3" in message
        assert "    the reason\n" in message
        assert "Do this." in message
        assert str(tmp_path / "setup.log") in message
        assert "the reason" in (tmp_path / "setup.log").read_text(encoding="utf-8")

    def test_only_the_failing_commands_output_is_told(self, steps: Steps, tmp_path: Path) -> None:
        steps.run([sys.executable, "-c", "print('before')"], cwd=tmp_path, advice="")
        with pytest.raises(SetupError) as caught:
            steps.run([sys.executable, "-c", "raise SystemExit('now')"], cwd=tmp_path, advice="")
        assert "    before" not in str(caught.value)
        assert "    now" in str(caught.value)

    def test_fingerprint_tells_a_missing_file_from_an_empty_one(self, tmp_path: Path) -> None:
        empty = tmp_path / "empty"
        empty.touch()
        assert len({fingerprint([path]) for path in (empty, tmp_path / "missing")}) == 2
        assert fingerprint(["ab", "c"]) != fingerprint(["a", "bc"])


class TestDistribution:
    @pytest.mark.parametrize(
        ("requested", "sourced", "name", "venv"),
        [
            ("", "", "jazzy", ".venv"),
            ("kilted", "", "kilted", ".venv-kilted"),
            ("", "humble", "system-humble", ".venv-system-humble"),
            ("", "jazzy", "system-jazzy", ".venv-system-jazzy"),
            ("jazzy", "humble", "jazzy", ".venv"),
        ],
    )
    def test_a_sourced_distribution_is_used_unless_wheels_are_asked_for(
        self,
        monkeypatch: pytest.MonkeyPatch,
        requested: str,
        sourced: str,
        name: str,
        venv: str,
    ) -> None:
        monkeypatch.setenv("ROS_DISTRO", sourced)
        layout = distribution.choose(requested)
        assert (layout.name, layout.venv, layout.sourced) == (
            name,
            REPOSITORY / venv,
            name.startswith("system-"),
        )

    def test_a_distribution_without_wheels_is_refused(self) -> None:
        with pytest.raises(SetupError, match="wheels exist for jazzy and kilted only"):
            distribution.choose("humble")

    def test_a_sourced_distribution_without_rclpy_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        fake = tmp_path / "python3"
        fake.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        fake.chmod(0o755)
        monkeypatch.setenv("ROS_DISTRO", "humble")
        monkeypatch.setattr(sys, "executable", str(fake))
        monkeypatch.setattr(distribution.shutil, "which", lambda _: str(fake))
        if subprocess.run(["/usr/bin/python3", "-c", "import rclpy"], check=False).returncode == 0:
            pytest.skip("the system's python3 has rclpy")
        with pytest.raises(SetupError, match=r"ros-humble-rclpy .*make ROS=jazzy"):
            distribution.python_with_rclpy()


class TestHost:
    def test_an_unsupported_python_is_named_with_the_way_out(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
        with pytest.raises(SetupError, match=r"expected 3\.10 to 3\.13\. .* make PYTHON="):
            host.check(wheels=True, venv=True)

    def test_lyricals_python_is_taken_with_lyrical_and_not_with_wheels(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "version_info", (3, 14, 0, "final", 0))
        monkeypatch.setattr(host, "missing_apt_packages", lambda **_: {})
        host.check(wheels=False, venv=True)
        with pytest.raises(SetupError, match=r"3\.13, for which .* wheels.*Lyrical: Python 3\.14"):
            host.check(wheels=True, venv=True)

    def test_a_machine_without_wheels_is_told_to_source_a_distribution(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(host.platform, "machine", lambda: "aarch64")
        with pytest.raises(SetupError, match=r"aarch64.*source its"):
            host.check(wheels=True, venv=False)

    def test_missing_parts_are_named_as_apt_packages(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(host.shutil, "which", lambda _: None)
        monkeypatch.setattr(host.sysconfig, "get_path", lambda _: str(tmp_path))
        monkeypatch.setattr(host.importlib.util, "find_spec", lambda _: None)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        command = f"sudo apt-get install -y {version}-venv {version}-dev build-essential"
        with pytest.raises(SetupError, match=command):
            host.check(wheels=False, venv=True)

    @pytest.fixture
    def index(self) -> Iterator[str]:
        """A local server in place of PyTorch's."""

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()
        thread.join()

    def test_pytorchs_cpu_index_is_used_where_it_answers(
        self, monkeypatch: pytest.MonkeyPatch, index: str
    ) -> None:
        monkeypatch.setattr(host, "TORCH_CPU_INDEX", index)
        assert host.torch_cpu_index() == index

    def test_no_answer_from_pytorchs_index_is_known_within_seconds(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # An address of documentation: nothing answers there.
        monkeypatch.setattr(host, "TORCH_CPU_INDEX", "http://192.0.2.1")
        begin = time.monotonic()
        assert host.torch_cpu_index() is None
        assert time.monotonic() - begin < host.PROBE_TIMEOUT_SEC + 2


class TestPackages:
    def test_requirement_files_are_read_without_comments(self, tmp_path: Path) -> None:
        file = tmp_path / "requirements.txt"
        file.write_text("# why\nnumpy<2.3   # a reason\n\ntorch==2.13.0\n", encoding="utf-8")
        assert read_requirements(file) == ["numpy<2.3", "torch==2.13.0"]

    @pytest.mark.parametrize(
        ("line", "name"),
        [("numpy<2.3", "numpy"), ("torch==2.13.0", "torch"), ("a-b[x]>=1", "a-b"), ("c", "c")],
    )
    def test_name_of_a_requirement(self, line: str, name: str) -> None:
        assert requirement_name(line) == name

    def test_what_is_no_virtual_environment_is_not_taken_for_one(self, tmp_path: Path) -> None:
        assert not is_usable_venv(tmp_path)
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "python").symlink_to(sys.executable)
        assert not is_usable_venv(tmp_path)


class TestMessages:
    @pytest.mark.parametrize(
        ("changed", "again"),
        [
            ("ppcr_ros/a.py", False),
            ("ppcr_ros/__pycache__/b.pyc", False),
            ("ppcr_ros/new.py", True),
            ("config/robot.yaml", True),
            ("msg/A.msg", True),
            ("msg/B.msg", True),
            ("action/A.action", True),
            ("CMakeLists.txt", True),
            ("package.xml", True),
        ],
    )
    def test_only_what_is_not_linked_needs_a_build(
        self, steps: Steps, checkout: Path, changed: str, again: bool
    ) -> None:
        builds: list[str] = []
        messages = Messages(Layout("jazzy", root=checkout), steps)
        messages.compile_package = lambda: builds.append("built")
        messages.layout.install.mkdir(parents=True)
        messages.build(checkout / "stamp")
        (checkout / changed).write_text("second", encoding="utf-8")
        messages.build(checkout / "stamp")
        assert len(builds) == 1 + again

    def test_environment_of_the_wheels_hides_a_sourced_distribution(
        self, steps: Steps, checkout: Path
    ) -> None:
        layout = Layout("jazzy", root=checkout)
        for folder in (layout.venv / "bin", layout.install):
            folder.mkdir(parents=True)
        (layout.venv / "bin" / "activate").write_text("", encoding="utf-8")
        (layout.install / "local_setup.bash").write_text("", encoding="utf-8")
        Messages(layout, steps).write_env_script()
        shown = subprocess.run(
            [
                "bash",
                "-c",
                f'. "{layout.env_script}"; echo "$AMENT_PREFIX_PATH|$PYTHONPATH|$ROS_DISTRO"',
            ],
            env={**os.environ, "ROS_DISTRO": "humble", "PYTHONPATH": "/opt/ros/humble"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert shown.stdout == f"{layout.venv}||\n"

    def test_environment_of_a_sourced_distribution_wants_it_sourced(
        self, steps: Steps, checkout: Path
    ) -> None:
        layout = Layout("humble", sourced=True, root=checkout)
        layout.ros.mkdir(parents=True)
        Messages(layout, steps).write_env_script()
        done = subprocess.run(
            ["bash", "-c", f'. "{layout.env_script}"'],
            env={**os.environ, "ROS_DISTRO": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "source ROS 2 humble's setup.bash first" in done.stderr

    def test_paths_of_the_machine_that_built_the_wheels_are_replaced(
        self, steps: Steps, checkout: Path
    ) -> None:
        layout = Layout("jazzy", root=checkout)
        file = layout.venv / "share" / "std_msgs" / "cmake" / "export.cmake"
        file.parent.mkdir(parents=True)
        file.write_text(
            '"/opt/python/cp311-cp311/include/python3.11;/opt/python/cp311-cp311/lib/python3.11/'
            'site-packages/numpy/_core/include"',
            encoding="utf-8",
        )
        layout.venv_python.parent.mkdir()
        layout.venv_python.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8"
        )
        layout.venv_python.chmod(0o755)
        Messages(layout, steps).localise_wheels()
        paths = file.read_text(encoding="utf-8").strip('"').split(";")
        assert [Path(path).is_dir() for path in paths] == [True, True]
        assert (Path(paths[0]) / "Python.h").is_file()
        assert (Path(paths[1]) / "numpy" / "arrayobject.h").is_file()
