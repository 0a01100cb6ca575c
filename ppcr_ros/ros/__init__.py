"""The ROS 2 side: the node, its topics and parameters. No torch at module level."""
