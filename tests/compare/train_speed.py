#!/usr/bin/env python3
"""The network of `riposte train` in PyTorch, for `riposte bench train --torch`.

Usage: train_speed.py FOLDER

FOLDER holds batch.json (one training batch, as model/net/batch.h has it) and
weights.safetensors (the weights to begin with). The script builds the same
network and the same loss, finds the number of threads and the way to read the
sparse input that suit PyTorch best, and then answers each line "fp32 STEPS" or
"bf16 STEPS" on its standard input with one line
    {"seconds": ..., "core_seconds": ..., "loss": ...}
of so many training steps (forward, backward, clipping, AdamW). Its first line
says what it found: {"fp32": {...}, "bf16": {...}, "loss": nats of a note}, or
why it cannot: {"skipped": "No module named 'torch'"}. With "device" cuda in
batch.json all of it is on the GPU, in fp32 without TF32 (and with the fused
AdamW, and nothing waits for a loss between steps), and one step is profiled to
see that the GRU is cuDNN's: "kernels" are the names of what its forward and
backward passes launched, a line each with microseconds and how often, the
costliest first.
"""
import json
import os
import struct
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")
# Else the profiler would stay, and slow down what is measured after it.
os.environ.setdefault("TEARDOWN_CUPTI", "1")

try:
    import numpy
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError as error:
    print(json.dumps({"skipped": str(error)}))
    sys.exit(0)


def read_weights(path):
    """name -> tensor, of a safetensors file of floats."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(size))
        body = file.read()
    weights = {}
    for name, entry in head.items():
        if name == "__metadata__":
            continue
        first, end = entry["data_offsets"]
        values = numpy.frombuffer(body[first:end], dtype="<f4")
        weights[name] = torch.from_numpy(
            values.reshape(entry["shape"]).copy())
    return weights


def bags(sparse, rows):
    """What embedding_bag wants of chosen rows of a sparse 0/1 matrix."""
    begin, at = sparse["begin"], sparse["at"]
    flat, offsets = [], []
    for row in rows:
        offsets.append(len(flat))
        flat.extend(at[begin[row]:begin[row + 1]])
    return torch.tensor(flat), torch.tensor(offsets)


class Head(nn.Module):
    """One field: where it is drawn, under which condition, and its loss."""

    def __init__(self, field, weights, batch):
        super().__init__()
        name = "head." + field["name"]
        rows = [i for i, c in enumerate(field["class"])
                if c != 255 and batch["weight"][i] > 0]
        self.rows = torch.tensor(rows)
        self.hidden = nn.Linear(*reversed(weights[name + ".hidden.weight"]
                                          .shape))
        self.hidden.weight.data = weights[name + ".hidden.weight"].clone()
        self.hidden.bias.data = weights[name + ".hidden.bias"].flatten()
        self.out = nn.Linear(*reversed(weights[name + ".out.weight"].shape))
        self.out.weight.data = weights[name + ".out.weight"].clone()
        self.out.bias.data = weights[name + ".out.bias"].flatten()
        self.cond = None
        if name + ".cond.weight" in weights:
            table = weights[name + ".cond.weight"].t().contiguous()
            self.cond = nn.Parameter(table)
            self.condition = bags(field["condition"], rows)
        mask = numpy.array([field["mask"][i] for i in rows], dtype=numpy.uint64)
        bits = numpy.arange(64, dtype=numpy.uint64)
        opened = (mask[:, :, None] >> bits) & numpy.uint64(1)
        opened = opened.reshape(len(rows), 128)[:, :self.out.out_features]
        self.closed = torch.from_numpy(opened == 0)
        self.target = torch.tensor([field["class"][i] for i in rows])
        self.escapes = torch.tensor([field["escapes"][i] for i in rows],
                                    dtype=torch.float32)
        self.has_escapes = bool(self.escapes.any())

    def forward(self, states):
        hidden = self.hidden(states.index_select(0, self.rows))
        if self.cond is not None:
            hidden = hidden + functional.embedding_bag(
                self.condition[0], self.cond, self.condition[1], mode="sum")
        logits = self.out(functional.relu(hidden)).float()
        logits = logits.masked_fill(self.closed, float("-inf"))
        loss = functional.cross_entropy(logits, self.target, reduction="sum")
        if self.has_escapes:
            nats = torch.where(self.escapes > 0, -logits.log_softmax(1)[:, 62],
                               torch.zeros_like(self.escapes))
            loss = loss + (self.escapes * nats).sum()
        return loss


class Network(nn.Module):
    """`bag`: the input through an embedding of H, which nn.GRU then reads;
    else as rows of zeros and ones, which is riposte's network itself."""

    def __init__(self, batch, weights, bag):
        super().__init__()
        hidden, layers = batch["hidden"], batch["layers"]
        steps, rows = batch["T"], batch["B"]
        inputs = weights["gru.weight_ih_l0"].shape[1]
        self.shape = (steps - 1, rows)
        self.bag = nn.Parameter(torch.randn(inputs, hidden) * 0.05) \
            if bag else None
        self.gru = nn.GRU(hidden if bag else inputs, hidden, layers)
        for name, values in self.gru.named_parameters():
            if not (bag and name == "weight_ih_l0"):
                values.data = weights["gru." + name].reshape(
                    values.shape).clone()
        used = range(rows, steps * rows)
        self.input = bags(batch["input"], used)
        if not bag:
            dense = torch.zeros(len(used), inputs)
            for i, row in enumerate(used):
                begin = batch["input"]["begin"]
                dense[i, batch["input"]["at"][begin[row]:begin[row + 1]]] = 1
            self.dense = dense.reshape(steps - 1, rows, inputs)
        self.heads = nn.ModuleList(
            Head(field, weights, batch) for field in batch["fields"]
            if any(c != 255 for c in field["class"]))
        self.notes = sum(w > 0 for w in batch["weight"])

    def forward(self):
        if self.bag is None:
            heard = self.dense
        else:
            heard = functional.embedding_bag(
                self.input[0], self.bag, self.input[1], mode="sum")
            heard = heard.reshape(*self.shape, -1)
        states, _ = self.gru(heard)
        self.dtype = states.dtype
        states = torch.cat([states.new_zeros(1, *states.shape[1:]), states])
        states = states.flatten(0, 1)
        return sum(head(states) for head in self.heads) / self.notes


class Trial:
    """One way to train, with its own weights and optimizer."""

    def __init__(self, batch, weights, bf16, bag, threads):
        self.said = {"threads": threads, "input": "bag" if bag else "dense"}
        self.device = batch["device"]
        self.network = Network(batch, weights, bag)
        if self.device == "cuda":
            move(self.network)
        self.bf16, self.threads = bf16, threads
        fused = {"fused": True} if self.device == "cuda" else {}
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-4,
                                           weight_decay=0.05, **fused)

    def loss(self):
        with torch.autocast(self.device, enabled=self.bf16,
                            dtype=torch.bfloat16):
            return self.network()

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        return loss.detach()

    def run(self, steps):
        torch.set_num_threads(self.threads)
        # Without TF32 PyTorch keeps cuDNN's GRU off tensor cores in bf16, too.
        torch.backends.cudnn.allow_tf32 = self.bf16
        begun, core = time.perf_counter(), time.process_time()
        for _ in range(steps):
            loss = self.step()
        loss = loss.item()  # waits for all of it
        return {"seconds": time.perf_counter() - begun,
                "core_seconds": time.process_time() - core, "loss": loss}


def move(network):
    """The network and all tensors that its modules keep, to the GPU."""
    network.cuda()
    for module in network.modules():
        for name, value in vars(module).items():
            if isinstance(value, torch.Tensor):
                setattr(module, name, value.cuda())
            elif isinstance(value, tuple) and value and \
                    all(isinstance(v, torch.Tensor) for v in value):
                setattr(module, name, tuple(v.cuda() for v in value))


GRU_OPS = ("aten::_cudnn_rnn", "aten::_cudnn_rnn_backward")


def kernels_of(event):
    """(name, microseconds) of what an operation and those inside it ran."""
    found = [(kernel.name, kernel.duration) for kernel in event.kernels]
    for child in event.cpu_children:
        found += kernels_of(child)
    return found


def describe(events):
    """Of a profiled step: whose GRU it was, and the lines on its kernels."""
    ops = {event.name for event in events}
    if not ops.issuperset(GRU_OPS):
        gru = sorted(op for op in ops if "gru" in op.lower())
        return "not cuDNN: " + (", ".join(gru) or "no GRU was seen"), ""
    spent, calls = {}, {}
    for event in events:
        if event.name in GRU_OPS:
            for name, duration in kernels_of(event):
                spent[name] = spent.get(name, 0) + duration
                calls[name] = calls.get(name, 0) + 1
    lines = ["%.0f us of the GRU alone, %d kernels"
             % (sum(spent.values()), sum(calls.values()))]
    for name in sorted(spent, key=spent.get, reverse=True)[:12]:
        lines.append("%.0f us, %d times: %.110s"
                     % (spent[name], calls[name], name))
    return "cuDNN %s" % torch.backends.cudnn.version(), "\n".join(lines)


def profile(trial):
    """Which GRU a step ran, and what kernels; a profiler that fails, with its
    reason, is no reason to measure nothing."""
    try:
        from torch.profiler import ProfilerActivity
        with torch.profiler.profile(activities=[
                ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
            trial.run(1)
        return describe(seen.events())
    except Exception as error:  # whatever CUPTI says
        return "not profiled: %.100s" % error, ""


def best_trial(batch, weights, bf16):
    """The fastest of all, by the best of three steps of each after one to
    warm up: whatever else the machine does only makes a step slower."""
    trials = []
    for bag in (False, True):
        counts = {1} if batch["device"] == "cuda" else {1, batch["threads"]}
        for threads in sorted(counts):
            trial = Trial(batch, weights, bf16, bag, threads)
            trial.run(1)
            spent = min(trial.run(1)["seconds"] for _ in range(3))
            trial.said["seconds"] = spent
            trials.append((spent, len(trials), trial))
    best = min(trials)[2]
    if best.device == "cuda":
        gru, best.said["kernels"] = profile(best)
        best.said["input"] += ", %s, %s in %s" % (
            torch.cuda.get_device_name(), gru,
            str(best.network.dtype).replace("torch.", ""))
    return best


def main():
    folder = sys.argv[1]
    with open(os.path.join(folder, "batch.json")) as file:
        batch = json.load(file)
    weights = read_weights(os.path.join(folder, "weights.safetensors"))
    if batch["device"] == "cuda":
        if not torch.cuda.is_available():
            print(json.dumps({"skipped": "this PyTorch finds no GPU"}))
            return
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    torch.backends.mkldnn.flags(enabled=True).__enter__()
    with torch.no_grad():
        loss = Trial(batch, weights, False, False, 1).loss().item()
    trials = {name: best_trial(batch, weights, name == "bf16")
              for name in batch["precisions"]}
    said = {name: trial.said for name, trial in trials.items()}
    print(json.dumps({**said, "loss": loss, "torch": torch.__version__}),
          flush=True)
    for line in sys.stdin:
        name, steps = line.split()
        print(json.dumps(trials[name].run(int(steps))), flush=True)


if __name__ == "__main__":
    main()
