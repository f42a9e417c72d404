"""How calls travel from a worker or a tool to the scheduler's server."""
