"""How good the pipeline is: data sets, metrics and the report of a run over many commands."""
