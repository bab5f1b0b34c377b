"""`python -m tidegate.process`: a worker, as its supervisor starts it."""

import sys

from .worker import main

if __name__ == "__main__":
    sys.exit(main())
