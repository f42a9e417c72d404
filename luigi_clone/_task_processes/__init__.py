"""How one attempt at a task runs: in the worker's own process, in a child, or wherever a factory puts it."""
