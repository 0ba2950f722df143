#!/usr/bin/python3
"""Makes tests/golden/optimizers.txt: ten steps of PyTorch's optimizers.

    tests/golden/make_optimizers.py > tests/golden/optimizers.txt

Six numbers, of which the first four decay, go down a bowl with a kink. The
decay lies outside the optimizer (AdamW has it inside). Needs torch only (made
with 1.13, in float64).
"""
import inspect

import torch
from torch.optim import nadam

# 1.13 has one mu too many, against its own documentation; 2.0 mended it.
exec(inspect.getsource(nadam._single_tensor_nadam).replace(
    "mu_product * mu * mu_next", "mu_product * mu_next"), nadam.__dict__)

BOWL = torch.tensor([[2.0, 0.3, 0.0, -0.5, 0.1, 0.0],
                     [0.3, 1.0, 0.2, 0.0, 0.0, 0.4],
                     [0.0, 0.2, 0.5, 0.1, -0.2, 0.0],
                     [-0.5, 0.0, 0.1, 3.0, 0.0, 0.2],
                     [0.1, 0.0, -0.2, 0.0, 1.5, 0.0],
                     [0.0, 0.4, 0.0, 0.2, 0.0, 0.01]], dtype=torch.float64)
BEGIN = [1.0, -2.0, 0.5, 3.0, -0.25, 4.0]
DECAY = 0.1

optim = torch.optim
RUNS = [
    ("adamw", optim.AdamW, {"lr": 0.05, "betas": (0.9, 0.98), "eps": 1e-8}),
    ("sgd", optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    ("sgd-plain", optim.SGD, {"lr": 0.05}),
    ("sgd-nesterov", optim.SGD,
     {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("rmsprop", optim.RMSprop, {"lr": 0.05, "alpha": 0.99, "eps": 1e-8}),
    ("rmsprop-momentum", optim.RMSprop,
     {"lr": 0.05, "alpha": 0.99, "eps": 1e-8, "momentum": 0.8}),
    ("adagrad", optim.Adagrad, {"lr": 0.05, "eps": 1e-10}),
    ("adadelta", optim.Adadelta, {"lr": 0.05, "rho": 0.9, "eps": 1e-6}),
    ("adamax", optim.Adamax, {"lr": 0.05, "betas": (0.9, 0.999)}),
    ("nadam", optim.NAdam, {"lr": 0.05, "betas": (0.9, 0.999)}),
]

for name, make, how in RUNS:
    p = torch.tensor(BEGIN, dtype=torch.float64)
    parts = [p[:4].clone().requires_grad_(), p[4:].clone().requires_grad_()]
    if name == "adamw":
        groups = [{"params": [parts[0]], "weight_decay": DECAY},
                  {"params": [parts[1]], "weight_decay": 0.0}]
        optimizer = make(groups, **how)
    else:
        optimizer = make(parts, **how)
    for step in range(10):
        x = torch.cat(parts).detach()
        gradient = BOWL @ x + torch.sign(x) * 0.5
        parts[0].grad, parts[1].grad = gradient[:4], gradient[4:]
        if name != "adamw":
            parts[0].data.mul_(1 - how["lr"] * DECAY)
        optimizer.step()
        print(name, *("%.9g" % v for v in torch.cat(parts).tolist()))
