"""How is work spread over the cores? Whole batches side by side, each on its own thread, where there are several.

Threads that share one product wait for each other after every operation, and if another program takes a core from
one of them, all wait. Batches are independent: this is faster on a quiet machine, and several times faster on a
busy one. torch keeps one number of threads for the process; it is changed while work runs, and set back.

Of a process that was forked only the thread that forked lives on, and in GNU's OpenMP, which torch uses, it waits for
ever for those that helped it before. A new thread gets helpers of its own, so there all work is done by new ones.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

_forked = False


def _after_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def apart(work: Callable[[], Result]) -> Result:
    """What this gives; in a process that was forked, a new thread computes it."""
    if not _forked:
        return work()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


@contextmanager
def torch_threads(count: int | None) -> Iterator[int]:
    """Sets torch's number of threads (None: leaves it), gives it, and sets it back."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def spread(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    threads: int,
    *,
    alone: bool = False,
    meanwhile: Callable[[], object] | None = None,
) -> Iterator[Result]:
    """`map(work, items)`, on as many threads as there are items or threads; those left over help inside.

    Args:
        alone: nothing helps inside: each item is worked on by one thread.
        meanwhile: what the caller's own thread does while others work.
    """
    workers = max(1, min(len(items), threads))
    if workers == 1 and not _forked and meanwhile is None:
        with torch_threads(1 if alone else None):
            yield from map(work, items)
        return
    inside = 1 if alone else threads // workers
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(inside,)) as pool:
        results = pool.map(work, items)
        if meanwhile is not None:
            meanwhile()
        yield from results  # when it is left early, what has not begun is cancelled
