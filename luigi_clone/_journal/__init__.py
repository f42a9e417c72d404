"""Durable state: facts are appended, and read again when the scheduler starts."""
