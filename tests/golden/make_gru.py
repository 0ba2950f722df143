#!/usr/bin/python3
"""Makes tests/golden/gru.txt: hidden states of PyTorch's nn.GRU.

    build/tests/test_gru --write /tmp/gru.safetensors
    tests/golden/make_gru.py /tmp/gru.safetensors > tests/golden/gru.txt

The checkpoint is one that riposte wrote; its gru.* tensors must load into
nn.GRU with strict=True. Needs torch only (made with 1.13, in float64).
"""
import json
import random
import struct
import sys

import torch


def read(path):
    data = open(path, "rb").read()
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + size])
    card = header.pop("__metadata__")
    tensors, covered = {}, 0
    for name, t in sorted(header.items(), key=lambda x: x[1]["data_offsets"]):
        begin, end = t["data_offsets"]
        assert t["dtype"] == "F32" and begin == covered, name
        covered = end
        raw = bytearray(data[8 + size + begin:8 + size + end])
        floats = torch.frombuffer(raw, dtype=torch.float32)
        tensors[name] = floats.reshape(t["shape"])
    assert 8 + size + covered == len(data)
    return card, tensors


def main():
    card, tensors = read(sys.argv[1])
    layers, hidden = int(card["layers"]), int(card["hidden"])
    weights = {k[4:]: v for k, v in tensors.items() if k.startswith("gru.")}
    inputs = weights["weight_ih_l0"].shape[1]
    gru = torch.nn.GRU(inputs, hidden, layers)
    gru.load_state_dict(weights, strict=True)
    gru.double()
    rng = random.Random(1)
    rows = [sorted(rng.sample(range(inputs), rng.randint(4, 14)))
            for _ in range(40)]
    x = torch.zeros(len(rows), 1, inputs, dtype=torch.float64)
    for t, row in enumerate(rows):
        x[t, 0, row] = 1
        print("input", *row)
    with torch.no_grad():
        top, last = gru(x)
    for t in range(len(rows)):
        print("state", t, layers - 1, *("%.9g" % v for v in top[t, 0]))
    for layer in range(layers):
        print("state", len(rows) - 1, layer,
              *("%.9g" % v for v in last[layer, 0]))


main()
