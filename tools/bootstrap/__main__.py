"""``python3 -m tools.bootstrap [--ros DISTRO] [--dev] [--web] [-- COMMAND ...]``.

Sets up, then runs COMMAND in the environment that was set up. A set-up that is up to date costs
well under a second.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.bootstrap import distribution, host
from tools.bootstrap.errors import SetupError
from tools.bootstrap.layout import REPOSITORY, Layout
from tools.bootstrap.messages import Messages
from tools.bootstrap.packages import Packages
from tools.bootstrap.steps import Steps


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parse(sys.argv[1:] if argv is None else argv)
    os.chdir(REPOSITORY)
    try:
        layout = distribution.choose(arguments.ros)
        if layout.sourced:
            _continue_with(distribution.python_with_rclpy())
        host.check(wheels=not layout.sourced, venv=not layout.venv_python.exists())
        with _locked(layout.root / ".ros" / "lock"):
            set_up(layout, dev=arguments.dev, web=arguments.web)
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 2
    if arguments.command:
        _enter(layout, arguments.command)
    return 0


def set_up(layout: Layout, *, dev: bool, web: bool = False) -> None:
    """Bring the environment of ``layout`` up to date.

    Raises:
        SetupError: where a step fails.
    """
    begin = time.monotonic()
    steps = Steps(layout.log)
    packages = Packages(layout, steps)
    packages.install(dev=dev, web=web)
    Messages(layout, steps).build(packages.ros_wheels_stamp)
    source = "sourced" if layout.sourced else "wheels"
    print(
        f"ROS 2 {layout.distro} ({source}), Python {packages.python_version} in "
        f"{layout.venv.name}: ready after {time.monotonic() - begin:.1f} s",
        flush=True,
    )


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m tools.bootstrap", description=__doc__)
    parser.add_argument("--ros", default="", help="jazzy or kilted: use these wheels")
    parser.add_argument("--dev", action="store_true", help="what the tests need as well")
    parser.add_argument("--web", action="store_true", help="what the page needs as well")
    parser.add_argument("command", nargs="*", help="what to run in the environment")
    return parser.parse_args(argv)


def _continue_with(python: str) -> None:
    """Go on in another interpreter where this is not the one that ROS 2 was built for."""
    if python != sys.executable:
        os.execv(python, [python, "-m", "tools.bootstrap", *sys.argv[1:]])


def _enter(layout: Layout, command: Sequence[str]) -> None:
    script = f'. "{layout.env_script}" && exec "$@"'
    os.execvp("bash", ["bash", "-c", script, "bash", *command])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two `make` at once take turns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  waiting for another make to finish its set-up ...", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
