"""The parts of the execution summary: the category of a task, and a family on one line."""
