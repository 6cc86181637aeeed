"""Measures what the design promises, as ratios of things measured in one run: `python -m bench`."""

import flows  # noqa: F401  # first: it arranges memory as it is in a run
