"""The tests run beside the pytest plugins that a ROS 2 distribution installs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLUGINS = ("launch_pytest", "launch_ros", "launch_testing")
"""The entry points of Humble to Lyrical; the second one's module is called otherwise."""
BREAKS = """def pytest_a_hook_that_nobody_has_declared():
    pass
"""


@pytest.fixture
def distribution(tmp_path: Path) -> Path:
    """A folder of packages with plugins that no pytest takes, by the distributions' names."""
    info = tmp_path / "distribution-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: distribution\nVersion: 1.0\n")
    points = "".join(f"{name} = broken_{name}\n" for name in PLUGINS)
    (info / "entry_points.txt").write_text(f"[pytest11]\n{points}")
    for name in PLUGINS:
        (tmp_path / f"broken_{name}.py").write_text(BREAKS)
    return tmp_path


def run_pytest(distribution: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--collect-only",
            *options,
            "test/core/test_boxes.py",
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(distribution), os.environ.get("PYTHONPATH", "")]),
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_the_plugins_of_a_distribution_do_not_end_the_tests(distribution: Path) -> None:
    ran = run_pytest(distribution)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "tests collected" in ran.stdout


def test_without_the_settings_they_would(distribution: Path) -> None:
    """The made-up plugins are found and do what the real ones do."""
    ran = run_pytest(distribution, "-c", os.devnull, "--rootdir", str(ROOT))
    assert ran.returncode != 0
    assert "unknown hook" in ran.stdout + ran.stderr
