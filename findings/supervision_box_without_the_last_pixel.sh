#!/usr/bin/env bash
# supervision 0.31.2: mask_to_xyxy ends a box ON the mask's last column and row, where COCO's boxes
# (pycocotools.mask.toBbox) end behind them. Of a mask that is one pixel wide the box has no area, and
# its IoU with itself is 0; width and height that xyxy_to_xywh makes of it are one pixel too small.
# Ends with 0 where this is so, else with 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check supervision==0.31.2 pycocotools==2.0.11
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import supervision as sv
from pycocotools import mask as coco

print("supervision", version("supervision"), "pycocotools", version("pycocotools"))
as_seen = True
for name, rows, columns in (
    ("8x2 pixels", slice(3, 5), slice(4, 12)),
    ("a cable, 1x9 pixels", slice(3, 12), slice(4, 5)),
):
    mask = np.zeros((20, 20), bool)
    mask[rows, columns] = True
    box = sv.mask_to_xyxy(mask[None])
    size = sv.xyxy_to_xywh(box.astype(float))[0, 2:]
    true_size = coco.toBbox(coco.encode(np.asfortranarray(mask, np.uint8)))[2:]
    own_iou = float(sv.box_iou_batch(box, box)[0, 0])
    print(f"{name}: box {box[0].tolist()}, width and height {size.tolist()}, COCO's {true_size.tolist()}, IoU with itself {own_iou:.1f}")
    as_seen = as_seen and bool((true_size - size == 1.0).all())
sys.exit(0 if as_seen and own_iou == 0.0 else 1)
PYTHON
