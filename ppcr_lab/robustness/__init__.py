"""Faults, one file each, that the node must outlive: ``python -m ppcr_lab.robustness``.

Every fault runs in a process and a ROS domain of its own, so that even a crash of the interpreter
is a figure and not the end of the run. ``docs/robustness.md`` says what each one does and its bar.
"""
