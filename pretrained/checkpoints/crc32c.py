"""What is the CRC-32C of these bytes, fast enough for a whole checkpoint, without a compiled extension?

A cyclic redundancy check is a remainder: the message, read as a polynomial over GF(2), modulo the Castagnoli
polynomial P. The polynomial Q = x^5685 + x^1362 + x^426 + 1 is a multiple of P, so a term x^(n+5685) may be replaced
by x^(n+1362) + x^(n+426) + x^n without changing the remainder. Squaring keeps this true with all exponents doubled:
Q^64 has its terms 64 bits apart. So whole blocks of the message are folded forward by three exclusive-ors, at the
speed of memory, until what is left is short enough for the table.
"""

import functools

import numpy as np
import numpy.typing as npt

_FOLDS = (5685, 5685 - 426, 5685 - 1362)  # how far each copy of a block moves towards the end, in units; the last is
_LENGTH, _BLOCK = _FOLDS[0], _FOLDS[-1]  # the nearest, so blocks of that length do not reach into themselves
_PIECE = 1 << 18  # bytes that are copied at a time
_ROWS = 512  # bytes that the table takes at once


def crc32c(data: bytes | memoryview | npt.NDArray[np.uint8]) -> int:
    """The CRC-32C (Castagnoli) of the bytes."""
    view = np.frombuffer(data, np.uint8)
    register = 0xFFFFFFFF
    if len(view) > 2 * _LENGTH:
        view, register = _folded(view), 0
    table = _remainders()
    for start in range(0, len(view), _ROWS):
        block = view[start : start + _ROWS]
        places = np.arange(len(block) - 1, -1, -1)
        # the first four bytes meet what the register holds; of a shorter block, so many bytes of it
        head = np.frombuffer(register.to_bytes(4, "little"), np.uint8)[: len(block)]
        remainder = int(np.bitwise_xor.reduce(table[places, block]))
        remainder ^= int(np.bitwise_xor.reduce(table[places[:4], head]))
        register = remainder ^ register >> 8 * len(head)
    return register ^ 0xFFFFFFFF


@functools.cache
def _remainders() -> npt.NDArray[np.uint32]:
    """[place from the end, byte] → what this byte at this place adds to the remainder."""
    row: npt.NDArray[np.uint32] = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        row = row >> np.uint32(1) ^ (row & np.uint32(1)) * np.uint32(0x82F63B78)  # P, lowest power first
    table = np.empty((_ROWS, 256), np.uint32)
    table[0] = row
    for place in range(1, _ROWS):
        table[place] = row[table[place - 1] & 0xFF] ^ table[place - 1] >> 8
    return table


def masked(crc: int) -> int:
    """The form in which TensorFlow and LevelDB store a CRC, so that CRCs of CRCs do not degenerate."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _folded(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A short message with the same remainder. Beginning with all ones in the register is part of it already."""
    words = data[: len(data) // 8 * 8].view("<u8") if len(data) > 16 * _LENGTH else data[:0].view("<u8")
    tail = data[words.nbytes :]
    if words.size:
        work = np.empty(_LENGTH + _PIECE // 8, "<u8")
        work[:_LENGTH] = words[:_LENGTH]
        work[0] ^= 0xFFFFFFFF
        for start in range(_LENGTH, len(words), _PIECE // 8):
            piece = words[start : start + _PIECE // 8]
            work[_LENGTH : _LENGTH + len(piece)] = piece
            _fold(work, len(piece))
            work[:_LENGTH] = work[len(piece) : len(piece) + _LENGTH]
        short = np.concatenate([work[:_LENGTH].view(np.uint8), tail])
    else:
        short = tail.copy()
        short[:4] ^= 0xFF
    _fold(short, len(short) - _LENGTH)
    return short[-_LENGTH:]


def _fold(work: npt.NDArray[np.uint8] | npt.NDArray[np.uint64], count: int) -> None:
    """Moves the first `count` units into those after them; `work` has `_LENGTH` more."""
    for start in range(0, count, _BLOCK):
        block = work[start : min(start + _BLOCK, count)]
        for distance in _FOLDS:
            moved = work[start + distance : start + distance + len(block)]
            np.bitwise_xor(moved, block, out=moved)
