"""The protocol between workers and the scheduler's server, read by client and server alike."""
