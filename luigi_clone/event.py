"""Names of the events that tasks fire."""


class Event:
    """Names of the framework's events.

    Subclass it to add names of your own; any hashable object may serve as the name of an event.
    """

    DEPENDENCY_DISCOVERED = "event.core.dependency.discovered"
    """A task was found to depend on another: ``(task, dependency)``."""
    DEPENDENCY_MISSING = "event.core.dependency.missing"
    """A task cannot run here and is not complete: ``(task)``."""
    DEPENDENCY_PRESENT = "event.core.dependency.present"
    """A task was complete when it was looked at: ``(task)``."""
    BROKEN_TASK = "event.core.task.broken"
    """The dependencies of a task could not be found out: ``(task, exception)``."""
    START = "event.core.start"
    """``run`` is about to be called: ``(task)``."""
    PROGRESS = "event.core.progress"
    """Free for tasks to report with; the framework never fires it."""
    FAILURE = "event.core.failure"
    """``run`` raised: ``(task, exception)``."""
    SUCCESS = "event.core.success"
    """``run`` came to its end: ``(task)``."""
    PROCESSING_TIME = "event.core.processing_time"
    """How long ``run`` took: ``(task, seconds)``."""
    TIMEOUT = "event.core.timeout"
    """A task ran too long and was ended: ``(task, message)``."""
    PROCESS_FAILURE = "event.core.process_failure"
    """The process of a task died: ``(task, message)``."""
