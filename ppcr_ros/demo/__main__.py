"""``python -m ppcr_ros.demo``."""

import sys

from ppcr_ros.demo.app import main

if __name__ == "__main__":
    sys.exit(main())
