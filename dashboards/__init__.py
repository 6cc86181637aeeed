"""Charts on the published marts: served on loopback, written to one HTML file, drawn as PNG."""
