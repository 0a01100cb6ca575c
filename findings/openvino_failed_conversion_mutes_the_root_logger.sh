#!/usr/bin/env bash
# A conversion of OpenVINO's that fails leaves Python's root logger at ERROR: warnings of all other libraries are
# not heard from then on, though the caller has caught the error and goes on with something else. One that succeeds
# gives the level back.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.2.6
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps openvino==2026.4.1
cd "$folder"
venv/bin/python - <<'PYTHON'
import logging

import openvino as ov
import torch

print("OpenVINO", ov.__version__, "torch", torch.__version__)
logging.basicConfig(level=logging.WARNING)


class Doubling(torch.nn.Module):
    def forward(self, x):
        return x * 2


class Refusing(torch.nn.Module):
    def forward(self, x):
        raise ValueError("not this input")


seen = {}
for module in (Doubling(), Refusing()):
    logging.root.setLevel(logging.WARNING)
    try:
        ov.convert_model(module, example_input=torch.ones(2))
        ended = "converted"
    except RuntimeError:
        ended = "RuntimeError"
    seen[ended] = logging.getLevelName(logging.root.level)
    print(f"{ended}: the root logger's level is {seen[ended]}")
expected = {"converted": "WARNING", "RuntimeError": "ERROR"}
raise SystemExit(0 if seen == expected else f"it has changed: {seen}")
PYTHON
