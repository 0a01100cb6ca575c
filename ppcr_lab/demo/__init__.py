"""The demonstration: a camera, the node and a person's commands, each in its own process."""
