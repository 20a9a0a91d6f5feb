"""Which tensor does a pickled call such as torch._utils._rebuild_tensor_v2(storage, …) stand for?

The fixed table of the calls that are understood. Each becomes a `TensorView`: plain numbers, checked so that
no index of the view lies outside its storage. No call is ever made.
"""

import math
from dataclasses import dataclass

import torch

from pretrained.errors import UnsafeFileError, UnsupportedFormatError
from pretrained.pickle_data import Call, Dict, Name, Persistent, describe

# The class of a pickled storage → what lies in it. Untyped storages hold bytes.
STORAGE_TYPES: dict[str, torch.dtype] = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexDoubleStorage": torch.complex128,
    "ComplexFloatStorage": torch.complex64,
    "UntypedStorage": torch.uint8,
}
_STORAGE_MODULES = ("torch", "torch.cuda", "torch.storage")
# Types without a storage class of their own: _rebuild_tensor_v3 views bytes as them.
VIEWED_TYPES: dict[str, torch.dtype] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *STORAGE_TYPES.values(), torch.uint16, torch.uint32, torch.uint64,
        torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz,
        torch.float8_e8m0fnu,
    )
}  # fmt: skip

# Functions of torch → how many arguments we need. Pairs, as joining names could be made to cost much.
_TENSORS = {
    ("torch._utils", "_rebuild_tensor"): 4,
    ("torch._utils", "_rebuild_tensor_v2"): 4,
    ("torch._utils", "_rebuild_tensor_v3"): 7,
}
# Functions whose first argument is the tensor, and those that get another function and its arguments.
_WRAPPERS = {("torch._utils", "_rebuild_parameter"), ("torch._utils", "_rebuild_parameter_with_state")}
_INDIRECT = {("torch._tensor", "_rebuild_from_type_v2"), ("torch._tensor", "_rebuild_from_type")}
_MAX_WRAPPING = 4
_MAX_DIMENSIONS = 32
_MAX_ELEMENTS = 1 << 48


@dataclass(frozen=True, slots=True)
class Storage:
    """A range of numbers in the file: `count` from `start`, of the storage `key` that has `total_bytes`."""

    key: str
    dtype: torch.dtype
    start: int
    count: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class TensorView:
    """A tensor as numbers that were checked: offset and strides stay inside the storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    expands: bool  # whether one number stands in several places, as after Tensor.expand

    @property
    def dtype(self) -> torch.dtype:
        return self.storage.dtype

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def is_tensor(value: object) -> bool:
    """Whether the value is one of the calls in the table."""
    return _unwrap(value) is not None


def view_of(value: object) -> TensorView | None:
    """The tensor that a pickled value stands for; None when it is something else; an error when it lies."""
    call = _unwrap(value)
    if call is None:
        return None
    function, args = _function(call), call.args
    if len(args) < _TENSORS[function]:
        raise UnsafeFileError(f"{describe(call)} has {len(args)} arguments")
    storage = _storage(args[0])
    if function[1] == "_rebuild_tensor_v3":
        storage = _seen_as(storage, args[6])
    metadata = args[6] if len(args) > 6 else None
    if isinstance(metadata, Dict) and metadata.pairs:
        raise UnsupportedFormatError(
            "it is stored as a lazy conjugate or negative; save tensor.resolve_conj().resolve_neg()"
        )
    return _view(storage, args[1], args[2], args[3])


def innermost(value: object) -> object:
    """What stands inside parameters and tensor subclasses."""
    for _ in range(_MAX_WRAPPING):
        if not isinstance(value, Call):
            break
        function, args = _function(value), value.args
        if function in _WRAPPERS and args:
            value = args[0]
        elif function in _INDIRECT and len(args) > 2 and isinstance(args[2], tuple):
            value = Call(args[0], args[2])
        else:
            break
    return value


def _unwrap(value: object) -> Call | None:
    """The call of _rebuild_tensor… that the value is or wraps."""
    call = innermost(value)
    return call if isinstance(call, Call) and _function(call) in _TENSORS else None


def _function(call: Call) -> tuple[str, str]:
    return (call.function.module, call.function.attribute) if isinstance(call.function, Name) else ("", "")


def _storage(value: object) -> Storage:
    """("storage", class, key, device, count), in the old layout also a view of it: (key, start, count)."""
    if not isinstance(value, Persistent):
        raise UnsafeFileError(f"its storage is {describe(value)}")
    view: object = None
    match value.id:
        case ("storage", Name() as kind, str() as key, str(), int() as total):
            pass
        case ("storage", Name() as kind, str() as key, str(), int() as total, view):
            pass
        case _:
            raise UnsafeFileError("its storage has an id that torch.save does not write")
    dtype = STORAGE_TYPES.get(kind.attribute) if kind.module in _STORAGE_MODULES else None
    if dtype is None:
        raise UnsupportedFormatError(f"its storage is of type {describe(kind)}, which is not read")
    start, count = 0, total
    if view is not None:
        match view:
            case (str(), int() as start, int() as count):
                pass
            case _:
                raise UnsafeFileError("its storage is a view that torch.save does not write")
    if min(total, start, count) < 0 or start + count > total or total > _MAX_ELEMENTS:
        raise UnsafeFileError(f"its storage claims the numbers {start:,} to {start + count:,} of {total:,}")
    return Storage(key, dtype, start, count, total * dtype.itemsize)


def _seen_as(storage: Storage, kind: object) -> Storage:
    """The bytes of an untyped storage as numbers of the type that _rebuild_tensor_v3 names."""
    dtype = VIEWED_TYPES.get(kind.attribute) if isinstance(kind, Name) and kind.module == "torch" else None
    if dtype is None:
        raise UnsupportedFormatError(f"its numbers are of type {describe(kind)}, which is not read")
    if storage.dtype != torch.uint8 or storage.start or storage.total_bytes % dtype.itemsize:
        raise UnsafeFileError(f"its storage of {storage.total_bytes:,} bytes cannot hold {dtype}")
    return Storage(storage.key, dtype, 0, storage.total_bytes // dtype.itemsize, storage.total_bytes)


def _view(storage: Storage, offset: object, size: object, strides: object) -> TensorView:
    shape, stride = _integers(size), _integers(strides)
    if shape is None or stride is None or type(offset) is not int or offset < 0:
        raise UnsafeFileError("its shape, strides or offset are no lists of counts")
    if len(shape) != len(stride):
        raise UnsafeFileError(f"it has {len(shape)} dimensions and {len(stride)} strides")
    if math.prod(max(length, 1) for length in shape) > _MAX_ELEMENTS:
        raise UnsafeFileError("its shape has more elements than any memory")
    last = offset + sum((length - 1) * step for length, step in zip(shape, stride, strict=True))
    if 0 not in shape and last >= storage.count:
        raise UnsafeFileError(
            f"shape {shape}, strides {stride} and offset {offset} reach number {last:,} of a storage of "
            f"{storage.count:,}"
        )
    expands = _check_overlap(shape, stride)
    if 0 in shape:  # nothing is read: any strides will do
        return TensorView(storage, 0, shape, (1,) * len(shape), False)
    dense = [math.prod(shape[place + 1 :]) for place in range(len(shape))]
    stride = tuple(  # the step of a dimension of length 1 is never taken; torch's kernels like it dense
        usual if length == 1 else step for length, step, usual in zip(shape, stride, dense, strict=True)
    )
    return TensorView(storage, offset, shape, stride, expands)


def _check_overlap(shape: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    """Whether a dimension has stride 0. Views that overlap in another way are no weights, and are refused."""
    reach = 0  # the farthest index that the smaller strides get to
    wide = [(step, length) for step, length in zip(stride, shape, strict=True) if length > 1]
    for step, length in sorted(wide):
        if step and step <= reach:
            raise UnsafeFileError(f"shape {shape} with strides {stride} overlaps itself")
        reach += (length - 1) * step
    return any(step == 0 for step, _ in wide)


def _integers(value: object) -> tuple[int, ...] | None:
    """A tuple of counts, also as torch.Size(…); bool is no count."""
    if isinstance(value, Call) and _function(value) == ("torch", "Size") and len(value.args) == 1:
        value = value.args[0]
    if not isinstance(value, tuple | list) or len(value) > _MAX_DIMENSIONS:
        return None
    counts = tuple(item for item in value if type(item) is int and item >= 0)
    return counts if len(counts) == len(value) else None
