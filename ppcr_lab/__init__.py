"""The laboratory of ppcr_ros: worlds, training, evaluation, measurements and the demonstration.

It imports ``ppcr_ros``, never the other way: no running node needs it.
"""
