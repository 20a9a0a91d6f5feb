"""Is work spread over threads, in order, with torch's own number of threads as it was afterwards?"""

import threading

import pytest
import torch

from pretrained.runner.threads import spread, torch_threads


def test_the_number_is_set_and_set_back():
    before = torch.get_num_threads()
    with torch_threads(3) as count:
        assert count == torch.get_num_threads() == 3
    assert torch.get_num_threads() == before
    with torch_threads(None) as count:
        assert count == before


def test_the_number_is_set_back_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), torch_threads(before + 1):
        _ = 1 / 0
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("items", "threads", "inside"), [(1, 4, 4), (2, 4, 2), (9, 4, 1), (9, 1, 1), (0, 4, None)])
def test_threads_are_shared_out(items, threads, inside):
    with torch_threads(threads):
        found = list(spread(lambda item: (item, torch.get_num_threads()), range(items), threads))
    assert [item for item, _ in found] == list(range(items))
    assert {count for _, count in found} <= {inside}


def test_items_run_side_by_side():
    meeting = threading.Barrier(3, timeout=10)
    with torch_threads(3):
        list(spread(lambda item: meeting.wait(), range(3), 3))


def test_an_error_ends_the_work_and_leaves_the_number():
    before = torch.get_num_threads()

    def work(item):
        if item == 1:
            raise ValueError("broken")
        return item

    with pytest.raises(ValueError, match="broken"), torch_threads(2):
        list(spread(work, range(50), 2))
    assert torch.get_num_threads() == before
