#!/usr/bin/env python3
"""Reads a TensorBoard event file, and says what is in it.

    read_events.py FILE          one line a value: STEP TAG VALUE
    read_events.py --both FILE   and, where it is installed, asks TensorBoard
                                 itself, which must have read the same

Written from the formats alone (TFRecord framing, CRC-32C, protocol buffers,
event.proto, summary.proto). Every byte must be accounted for, and steps must
not fall. Needs Python's own library only.
"""
import struct
import sys


def make_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = make_table()


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


assert masked_crc(b"123456789") == (
    ((0xE3069283 >> 15) | (0xE3069283 << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        assert len(data) - at >= 16, f"byte {at}: half a record"
        size, crc = struct.unpack_from("<QI", data, at)
        assert crc == masked_crc(data[at:at + 8]), f"byte {at}: CRC of length"
        record = data[at + 12:at + 12 + size]
        assert len(record) == size, f"byte {at}: half a record"
        (crc,) = struct.unpack_from("<I", data, at + 12 + size)
        assert crc == masked_crc(record), f"byte {at}: CRC of data"
        at += 16 + size
        yield record


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            return value, at


def fields(data):
    """(number, value) of a message; bytes, or numbers as they lie."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        wire = key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            assert len(value) == size
        else:
            form, size = {1: ("<d", 8), 5: ("<f", 4)}[wire]
            (value,) = struct.unpack_from(form, data, at)
            at += size
        yield key >> 3, value


def read(path):
    """[(step, tag, number or text)]"""
    found, last = [], 0
    for i, record in enumerate(records(open(path, "rb").read())):
        event = list(fields(record))
        step = dict(event).get(2, 0)
        assert dict(event)[1] > 1.6e9, "wall time"
        assert step >= last, f"step {step} after {last}"
        last = step
        if i == 0:
            assert dict(event)[3] == b"brain.Event:2"
        for summary in (v for k, v in event if k == 5):
            for number, raw in fields(summary):
                assert number == 1
                value = dict(fields(raw))
                tag = value[1].decode()
                if 2 in value:
                    found.append((step, tag, value[2]))
                    continue
                plugin = dict(fields(dict(fields(value[9]))[1]))
                assert plugin[1] == b"text"
                tensor = dict(fields(value[8]))
                assert tensor[1] == 7
                found.append((step, tag, tensor[8].decode()))
    return found


def ask_tensorboard(path, found):
    try:
        from tensorboard.backend.event_processing import event_accumulator
        from tensorboard import version
    except ImportError:
        return "TensorBoard is not installed"
    board = event_accumulator.EventAccumulator(
        path, size_guidance={"scalars": 0, "tensors": 0}).Reload()
    theirs = [(e.step, tag, e.value) for tag in board.Tags()["scalars"]
              for e in board.Scalars(tag)]
    theirs += [(e.step, tag, e.tensor_proto.string_val[0].decode())
               for tag in board.Tags()["tensors"] for e in board.Tensors(tag)]
    assert sorted(theirs, key=str) == sorted(found, key=str), "they differ"
    return f"TensorBoard {version.VERSION} read the same"


both = sys.argv[1] == "--both"
values = read(sys.argv[-1])
for one in values:
    print(*one)
if both:
    print(f"{len(values)} values read;", ask_tensorboard(sys.argv[-1], values))
