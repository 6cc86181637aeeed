"""The whole path against the sandbox: what it holds is what the warehouse holds."""
