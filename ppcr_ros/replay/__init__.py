"""Decisions written down as ROS 2 bags, and made again from them, with no ROS."""
