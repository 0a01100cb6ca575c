"""One module for each fault; each has one ``run(plan)`` that gives an `Outcome`."""
