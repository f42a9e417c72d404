"""What the central scheduler's server answers over HTTP."""
