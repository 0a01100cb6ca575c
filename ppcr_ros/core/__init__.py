"""The ROS-free, torch-free heart: types, configuration, the three stages and their pipeline."""
