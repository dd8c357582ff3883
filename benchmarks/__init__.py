"""What `make bench` measures: figures as ratios against a peer in the same run, since machines are noisy."""

import os

os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "WARNING")  # as on one machine: no line of each request
