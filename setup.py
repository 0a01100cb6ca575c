"""`pip install .` on a machine without ROS; with ROS, CMakeLists.txt installs the same packages."""

from pathlib import Path

from setuptools import setup

# A file, since CMakeLists.txt installs it too.
setup(entry_points=Path(__file__).with_name("ppcr_lab").joinpath("entry_points.txt").read_text())
