"""The node with scripted models, as a process: to be ended in the middle of a command."""

from __future__ import annotations

from functools import partial

from ppcr_lab.robustness.scripted import scripted_pipeline
from ppcr_ros.ros.main import main

SLOW_WORD = "patiently"
"""A command with it takes longer than anybody waits; the others are answered at once."""
_ANSWER_SEC = 300.0

if __name__ == "__main__":
    main(pipeline_factory=partial(scripted_pipeline, answer_sec=_ANSWER_SEC, slow_word=SLOW_WORD))
