#!/usr/bin/env bash
# A JPEG that is cut in half and padded with zeros, as a camera's buffer of fixed size holds it after a lost
# USB packet, decodes without an error: Pillow and OpenCV refuse the cut file, and both take the padded one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==12.0.0 numpy==2.2.6 \
  opencv-python-headless==4.12.0.88
cd "$folder"
venv/bin/python - <<'PYTHON'
import io

import cv2
import numpy as np
import PIL
from PIL import Image

print("Pillow", PIL.__version__, "OpenCV", cv2.__version__)
noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8)
buffer = io.BytesIO()
Image.fromarray(noise).save(buffer, "JPEG", quality=90)
half = buffer.getvalue()[: len(buffer.getvalue()) // 2]
seen = {}
for name, data in (("cut", half), ("padded with zeros", half + bytes(len(half)))):
    try:
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        pillow = f"taken, standard deviation of the lower rows {pixels[-20:].std():.1f}"
    except OSError as error:
        pillow = f"refused: {error}"
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    opencv = "refused" if decoded is None else "taken"
    print(f"{name}: Pillow {pillow}; OpenCV {opencv}")
    seen[name] = (pillow.split(",")[0].split(":")[0], opencv)
expected = {"cut": ("refused", "refused"), "padded with zeros": ("taken", "taken")}
raise SystemExit(0 if seen == expected else f"it has changed: {seen}")
PYTHON
