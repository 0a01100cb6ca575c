"""Sets up what `make` needs: a virtual environment, ROS 2 from wheels or sourced, and the messages.

It runs on the machine's own Python and imports nothing but the standard library.
"""
