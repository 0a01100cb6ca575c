#!/usr/bin/env bash
# Lint, types and tests, in the environment that `make` has entered. Usage: check.sh all|lint [pytest's arguments]
set -euo pipefail
what="$1"
shift

ruff check .
ruff format --check .

# A distribution's numpy 1.x has no complete type information: the same sources would not pass.
numpy_major="$(python -c 'import numpy; print(numpy.__version__.split(".")[0])')"
if [ "$numpy_major" -ge 2 ]; then
  mypy
else
  echo "mypy: skipped, it needs the types of numpy 2 and this ROS 2 distribution brings numpy $numpy_major"
fi

if [ "$what" = all ]; then
  # The node under test has a process of its own; two with many threads each only get in each
  # other's way, and the models of the tests are small.
  export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
  # Two processes, each with whole files: what a file sets up once is set up once. ARGS="-n 0" runs
  # all in one process, where a debugger can be used.
  exec pytest -n 2 --dist loadfile "$@"
fi
