"""Small commands: look at dependencies, search a running scheduler, and tasks over ranges of time."""
