"""Carries out commands one after the other: queue, requests, worker, following. Imports no ROS."""
