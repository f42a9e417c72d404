"""What every test gets: the ``luigi`` name on this engine, and its process-wide state put back afterwards."""

from __future__ import annotations
