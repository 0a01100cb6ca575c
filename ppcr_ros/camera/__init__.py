"""Camera messages to frames: encodings, pairing, intrinsics, ages. Imports no ROS."""
