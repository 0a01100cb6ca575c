"""Evaluation of the pipeline: data sets, metrics and the report of a run over many commands."""
