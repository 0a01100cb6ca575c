#!/usr/bin/env bash
# sahi 0.12.8 turns a mask into COCO polygons that run through the centres of the outermost pixels, a hole
# as one polygon more, and leaves parts out that are one pixel thin. Its own reader gives the mask with its
# hole back; COCO's (pycocotools) fills the hole and ends a row and a column early: of a square of 100 pixels
# 81 are left. imantics 0.1.12 writes the same polygons.
# Ends with 0 where this is so, else with 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sahi==0.12.8 imantics==0.1.12 pycocotools==2.0.11 \
  opencv-python-headless==4.12.0.88 numpy==2.2.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import imantics
import numpy as np
from pycocotools import mask as coco
from sahi.utils.cv import get_bool_mask_from_coco_segmentation, get_coco_segmentation_from_bool_mask

print(*(f"{name} {version(name)}" for name in ("sahi", "imantics", "pycocotools")), sep=", ")
HEIGHT, WIDTH = 40, 60
square = np.zeros((HEIGHT, WIDTH), bool)
square[10:20, 10:20] = True
ring = np.zeros((HEIGHT, WIDTH), bool)
ring[5:30, 8:50] = True
ring[12:20, 20:30] = False
square_with_cable = square.copy()
square_with_cable[25, 30:40] = True


def read(polygons: list[list[int]]) -> np.ndarray:
    return coco.decode(coco.merge(coco.frPyObjects(polygons, HEIGHT, WIDTH))).astype(bool)


counts = {}
for name, mask in (("square", square), ("ring", ring), ("square with cable", square_with_cable)):
    polygons = get_coco_segmentation_from_bool_mask(mask)
    again = get_bool_mask_from_coco_segmentation(polygons, WIDTH, HEIGHT)
    counts[name] = int(mask.sum()), int(again.sum()), int(read(polygons).sum())
    print(f"{name}: {len(polygons)} polygons; pixels {counts[name][0]}, by sahi {counts[name][1]}, by COCO {counts[name][2]}")
    theirs = [[int(value) for value in polygon] for polygon in imantics.Mask(mask).polygons()]
    same = all(polygon in theirs for polygon in polygons)
    print("  imantics writes the same:", same)
    counts[name] += (same,)
filled = read(get_coco_segmentation_from_bool_mask(ring))[12:20, 20:30].all()
print("COCO's reader fills the hole:", bool(filled))
expected = {"square": (100, 100, 81, True), "ring": (970, 970, 984, True), "square with cable": (110, 100, 81, True)}
sys.exit(0 if counts == expected and filled else 1)
PYTHON
