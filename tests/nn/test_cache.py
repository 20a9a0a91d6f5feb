"""Does a cache remember what was appended, whoever continues from it?"""

import torch

from pretrained.nn.cache import KeyValueCache


def step(past, length):
    cache = KeyValueCache.of(past)
    key, value = torch.randn(2, 3, length, 4, 5).unbind(0)  # (B, S, N, D)
    return cache, key, value, cache.append(0, key, value)


def test_appending_equals_concatenation():
    past, keys, values = None, [], []
    for length in (3, 1, 1, 200, 7):
        past, key, value, (all_keys, all_values) = step(past, length)
        keys.append(key)
        values.append(value)
        assert torch.equal(all_keys, torch.cat(keys, 1))
        assert torch.equal(all_values, torch.cat(values, 1))
    assert len(past) == 1
    assert past[0][0].shape == (3, 4, 212, 5)
    ((key, value),) = past
    assert torch.equal(key, past[0][0])
    assert torch.equal(value, torch.cat(values, 1).transpose(1, 2))


def test_two_continuations_of_one_past_do_not_disturb_each_other():
    past, *_ = step(None, 4)
    past, *_ = step(past, 1)  # from here on there is room to spare
    one, _, _, (keys_one, _) = step(past, 2)
    kept = keys_one.clone()
    two, _, _, (keys_two, _) = step(past, 2)
    assert torch.equal(keys_one, kept)
    assert torch.equal(keys_one[:, :5], keys_two[:, :5])
    assert not torch.equal(keys_one[:, 5:], keys_two[:, 5:])
    assert one[0][0].shape == two[0][0].shape


def test_room_is_reused():
    past, *_ = step(None, 4)
    past, *_ = step(past, 1)
    place = past[0][0].data_ptr()
    for _ in range(50):
        past, *_ = step(past, 1)
        assert past[0][0].data_ptr() == place


def test_gradients_flow_through_a_cache():
    key = torch.randn(2, 3, 4, 5, requires_grad=True)
    first = KeyValueCache.of(None)
    first.append(0, key, key)
    second = KeyValueCache.of(first)
    keys, _ = second.append(0, key[:, :1] * 2, key[:, :1])
    keys.sum().backward()
    assert key.grad[:, 0].mean() == 3
    assert key.grad[:, 1].mean() == 1


def test_rows_in_another_order_are_a_cache_of_their_own():
    past, *_ = step(None, 4)
    past, *_ = step(past, 1)
    rows = torch.tensor([2, 0, 0, 1])
    other = past.reorder(rows)
    assert other.length == past.length == 5
    assert torch.equal(other[0][1], past[0][1][rows])
    kept = past[0][0].clone()
    cache = KeyValueCache.of(other)
    new = torch.randn(4, 2, 4, 5)
    keys, _ = cache.append(0, new, new)
    assert torch.equal(keys, torch.cat([past[0][0][rows].transpose(1, 2), new], 1))
    assert torch.equal(past[0][0], kept)
    assert other.length == 5
