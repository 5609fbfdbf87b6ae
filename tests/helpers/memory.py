"""How much memory a computation takes, counted by the allocators themselves.

The resident memory of a process depends on the machine: on what its libraries load, on how its
allocator keeps freed memory and on the instruction set. What torch and numpy ask for depends on the
computation alone.
"""

import tracemalloc
from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile


def peak(compute: Callable[[], object]) -> int:
    """The most bytes that torch (on the CPU) and numpy hold at once during `compute`, above what
    they held before.

    The two peaks are added, so that the figure is at least the true one. A scratch buffer inside
    oneDNN or a BLAS is not counted.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        tracemalloc.start()
        try:
            compute()
            of_numpy = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    events = [
        event for event in found.profiler.kineto_results.events() if event.name() == "[memory]"
    ]
    held = of_torch = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        of_torch = max(of_torch, held)
    return of_torch + of_numpy
