"""Findings and their catalogue: what is wrong, and what to do. Imports no ROS."""
