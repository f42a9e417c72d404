"""What a person at a terminal gets besides the log: completion of the command line, and a progress bar."""
