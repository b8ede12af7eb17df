"""``python -m rlaudit``."""

import sys

from rlaudit.cli import main

sys.exit(main())
