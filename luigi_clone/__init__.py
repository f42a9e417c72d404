"""Batch pipelines in plain Python: Luigi's interface on an engine of its own."""
