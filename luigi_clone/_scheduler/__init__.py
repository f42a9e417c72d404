"""The rooms of :class:`luigi_clone.scheduler.Scheduler`: its calls by kind, and what it does outside."""
