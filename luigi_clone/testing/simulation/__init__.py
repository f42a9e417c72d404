"""The whole system on a fake clock: a scheduler with its journal, workers, and a network that loses things.

What runs is the real code: the scheduler as its server calls it, the client with its retries, the worker's
loop. Only the clock, the sockets, the disk and the processes of tasks are simulated. All that happens
follows from a seed, and so happens again::

    from luigi_clone.testing.simulation import simulate

    simulate(seed=7)

raises :class:`Violation` where something is lost, run twice or never ends. Needs ``greenlet``, on which each
simulated worker runs: ``pip install luigi_clone[simulation]``.
"""

from __future__ import annotations

from luigi_clone.testing.simulation.scenario import Scenario
from luigi_clone.testing.simulation.shrinking import shrink
from luigi_clone.testing.simulation.witness import Violation
from luigi_clone.testing.simulation.world import Outcome, simulate

__all__ = ["Outcome", "Scenario", "Violation", "shrink", "simulate"]
