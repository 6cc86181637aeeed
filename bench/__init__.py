"""Measures what the design promises, as ratios of things measured in one run: `python -m bench`."""
