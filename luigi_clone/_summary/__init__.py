"""The parts of the execution summary: which category a task falls in, and how a family is written on one line."""
