"""What an export imports, so that processes made from one that has it start at once."""

import duckdb  # noqa: F401
import httpx  # noqa: F401
import polars  # noqa: F401
import tenacity  # noqa: F401

import extractors.streams  # noqa: F401
import flows.pipeline  # noqa: F401
