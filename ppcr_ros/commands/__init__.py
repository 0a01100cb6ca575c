"""The subcommands of ``ppcr``, one file each.

Each offers ``add_arguments(parser)`` and ``run(args) -> int``, the exit code. Modules here import
the standard library and the errors at their top and everything heavy inside ``run``, so that
``ppcr --help`` is quick and works with neither torch nor ROS.
"""
