"""What an attempt at a task writes: captured, kept in a file, the tail sent to the scheduler."""
