"""One command after the other: queue, requests, worker, following a target. Imports no ROS."""
