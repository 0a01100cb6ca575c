"""Fuzzers with coverage, for as long as one likes: ``python -m ppcr_lab.robustness.fuzz answers``.

They need the Python package atheris, which no other part does: ``pip install atheris``. What they
find is written down as a test or in the faults of ``make robustness``, which draw by chance alone.
"""
