#!/usr/bin/env bash
# pycocotools 2.0.11 tells what a "segmentation" is by its FIRST list alone: four numbers there (a
# polygon of two points) are taken for a box, and annToMask ends in a TypeError about 'bb'. The same two
# points in the second place do no harm.
# Ends with 0 where this is so, else with 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pycocotools==2.0.11
"$folder/venv/bin/python" - <<'PYTHON'
import contextlib
import io
import sys
from importlib.metadata import version

from pycocotools.coco import COCO

SQUARE, TWO_POINTS = [10, 10, 30, 10, 30, 30, 10, 30], [50, 50, 60, 55]
print("pycocotools", version("pycocotools"))
said = []
for order in ([SQUARE, TWO_POINTS], [TWO_POINTS, SQUARE]):
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": order}
    with contextlib.redirect_stdout(io.StringIO()):
        data = COCO()
        data.dataset = {"images": [{"id": 1, "width": 100, "height": 100}], "annotations": [annotation]}
        data.createIndex()
    try:
        said.append(f"{int(data.annToMask(annotation).sum())} pixels")
    except TypeError as error:
        said.append(f"TypeError: {error}")
    print(f"{[len(part) // 2 for part in order]} points: {said[-1]}")
sys.exit(0 if said[0] == "400 pixels" and "'bb'" in said[1] else 1)
PYTHON
