"""The models behind the stages; torch and transformers live here only, behind `factory`."""

import os

# A thread of PyTorch's OpenMP waits for more work by spinning, 300,000 times unless it is told
# otherwise: for milliseconds that another engine's threads lack. Read once, as torch is imported.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "100000")
