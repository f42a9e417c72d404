"""Names of the states that a task can be in."""

PENDING = "PENDING"
FAILED = "FAILED"
DONE = "DONE"
RUNNING = "RUNNING"
BATCH_RUNNING = "BATCH_RUNNING"
SUSPENDED = "SUSPENDED"  # only sent by clients of long ago
UNKNOWN = "UNKNOWN"
DISABLED = "DISABLED"
