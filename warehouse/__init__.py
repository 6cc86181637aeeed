"""DuckDB: what is stored, how rows get in, what is published."""

import sys
from importlib.util import find_spec

# DuckDB looks for pandas at every statement with parameters, and Python searches its whole path for a
# module that is not there each time: measured, two thirds of a small insert. This says "not there" at once.
if find_spec("pandas") is None:
    sys.modules["pandas"] = None  # type: ignore[assignment]
