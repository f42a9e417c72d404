"""The rooms of :mod:`luigi_clone.worker`: options, discovery, reports, messages."""
