"""``python -m ppcr_lab.demo``."""

import sys

from ppcr_lab.demo.app import main

if __name__ == "__main__":
    sys.exit(main())
