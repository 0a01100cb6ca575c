"""`pip install .` on a machine without ROS; with ROS, CMakeLists.txt installs the same package."""

from setuptools import setup

setup()
