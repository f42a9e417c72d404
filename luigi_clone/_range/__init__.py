"""How range tasks find out what is complete: points in time, globs of directories, listings."""
