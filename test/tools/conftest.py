"""The set-up is no part of the installed package: it is imported from the checkout."""

import sys
from pathlib import Path

# Last on the path: ppcr_ros is to come from where it is installed.
sys.path.append(str(Path(__file__).resolve().parents[2]))
