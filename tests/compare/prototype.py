#!/usr/bin/python3
"""A compact PyTorch copy of riposte's network, to try ideas before they are
written in C: the same encoding (model/data/vocabulary.h), crops, masks, heads
and loss, and options that riposte does not have. It prints nats per note (END
included) on whole pieces, as `riposte eval` does; model/README.md has the
table.

  dump_pieces melody DIR... > pieces.json
  prototype.py pieces.json --options recall-heads,recall-input
  prototype.py FRAMES.json --averages

Data: what dump_pieces prints, or piano rolls {"train": [[[60, 64], ...]], ...}
where a note is a maximal run of a pitch. Needs PyTorch and NumPy."""
import argparse
import copy
import json
import math
import os
import struct
import time

# More threads than rows to share spin; set before the libraries load.
for _name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
    os.environ.setdefault(_name, '1')

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

from encoding import (Batch, END, ESCAPE, FIELDS, NONE, Plan,  # noqa: E402
                      WIDTHS, crops_of, indices, read_data, whole)

OPTIONS = {
    'lookback-heads': 'heads see what was struck N bars before the new onset',
    'lookback-input': 'the network hears what followed N bars ago, and '
                      'whether the last note repeated its like',
    'recall-heads': 'heads see what followed the earlier phrase most like the '
                    'one just heard, in any key (riposte: --recall yes is '
                    'this and the next)',
    'recall-input': 'the network hears that too',
    'recall-direct': 'what followed adds to the logit of its own class',
    'interval': 'the network hears the interval from the note before',
    'pitch-class': 'the network hears the pitch class',
    'scale': 'the pitch head sees the pitch classes of the last 16 notes',
    'relative': 'pitch logits are a sum of absolute and relative to the last',
    'attention': 'heads see attention over the last 32 states',
    'layer-norm': 'layer norm on the gates',
    'tied': 'one embedding of pitch for input, condition and output',
    'two-layer': 'heads with two hidden layers',
    'per-field': 'one step of the network per field, not per note',
}


# Network -------------------------------------------------------------------

class Layer(torch.autograd.Function):
    """One GRU layer over time: gates from below (T, B, 3H) to states (T, B,
    H), gates in the order r, z, n, reset after."""

    @staticmethod
    def forward(ctx, below, weight, bias):
        T, B, width = below.shape
        H = width // 3
        h = below.new_zeros(B, H)
        kept = []
        for t in range(T):
            gh = torch.addmm(bias, h, weight.t())
            rz = torch.sigmoid(below[t, :, :2 * H] + gh[:, :2 * H])
            r, z = rz[:, :H], rz[:, H:]
            n = torch.tanh(below[t, :, 2 * H:] + r * gh[:, 2 * H:])
            h = torch.lerp(n, h, z)
            kept.append((rz, n, gh[:, 2 * H:], h))
        ctx.kept = kept
        ctx.save_for_backward(weight)
        return torch.stack([k[3] for k in kept])

    @staticmethod
    def backward(ctx, dout):
        weight, = ctx.saved_tensors
        T, B, H = dout.shape
        dbelow = dout.new_empty(T, B, 3 * H)
        dabove = dout.new_empty(T, B, 3 * H)
        before = dout.new_zeros(T, B, H)
        carry = dout.new_zeros(B, H)
        for t in reversed(range(T)):
            rz, n, gn, _ = ctx.kept[t]
            r, z = rz[:, :H], rz[:, H:]
            if t:
                before[t] = ctx.kept[t - 1][3]
            dh = dout[t] + carry
            dn = dh * (1 - z) * (1 - n * n)
            dbelow[t, :, :H] = dn * gn * r * (1 - r)
            dbelow[t, :, H:2 * H] = dh * (before[t] - n) * z * (1 - z)
            dbelow[t, :, 2 * H:] = dn
            dabove[t, :, :2 * H] = dbelow[t, :, :2 * H]
            dabove[t, :, 2 * H:] = dn * r
            carry = torch.addmm(dh * z, dabove[t], weight)
        flat = dabove.reshape(T * B, 3 * H)
        return dbelow, flat.t() @ before.reshape(T * B, H), flat.sum(0)


class NormLayer(torch.nn.Module):
    """The same with layer norm on both halves of the gates."""

    def __init__(self, hidden):
        super().__init__()
        self.below = torch.nn.LayerNorm(3 * hidden)
        self.above = torch.nn.LayerNorm(3 * hidden)

    def forward(self, below, weight, bias):
        H = weight.shape[1]
        below, states = self.below(below), []
        h = below.new_zeros(below.shape[1], H)
        for x in below:
            g = self.above(torch.addmm(bias, h, weight.t()))
            rz = torch.sigmoid(x[:, :2 * H] + g[:, :2 * H])
            n = torch.tanh(x[:, 2 * H:] + rz[:, :H] * g[:, 2 * H:])
            h = torch.lerp(n, h, rz[:, H:])
            states.append(h)
        return torch.stack(states)


class Attention(torch.nn.Module):
    """Adds to each state what it looks up in the last `span` of them."""

    def __init__(self, hidden, span=32, width=64):
        super().__init__()
        self.span, self.width = span, width
        self.ask = torch.nn.Linear(hidden, 3 * width)
        self.tell = torch.nn.Linear(width, hidden)

    def forward(self, h):
        q, k, v = self.ask(h.transpose(0, 1)).split(self.width, -1)
        T = h.shape[0]
        ago = torch.arange(T)[:, None] - torch.arange(T)
        score = q @ k.transpose(1, 2) / math.sqrt(self.width)
        score = score.masked_fill((ago < 0) | (ago >= self.span), -1e9)
        return h + self.tell(score.softmax(-1) @ v).transpose(0, 1)


def uniform(rows, columns, bound):
    return torch.nn.Parameter(
        torch.empty(rows, columns).uniform_(-bound, bound))


class Head(torch.nn.Module):
    def __init__(self, classes, sees, hidden, head, two):
        super().__init__()
        self.seen = sum(WIDTHS[n] for n in sees)
        self.hidden = torch.nn.Linear(hidden, head)
        self.cond = uniform(self.seen + 1, head, hidden ** -0.5)
        self.more = torch.nn.Linear(head, head) if two else None
        self.out = torch.nn.Linear(head, classes)

    def forward(self, h, seen, embedded=0):
        a = self.hidden(h) + embedded
        if self.seen:
            a = a + F.embedding_bag(seen, self.cond, mode='sum',
                                    padding_idx=self.seen)
        a = F.relu(a)
        if self.more is not None:
            a = F.relu(self.more(a))
        return a, self.out(a)


class Net(torch.nn.Module):
    def __init__(self, args, plan):
        super().__init__()
        H, E = args.hidden, args.head
        bound = H ** -0.5
        self.args, self.plan, self.options = args, plan, args.options
        self.inputs = sum(WIDTHS[n] for n in self.reads())
        self.table = uniform(self.inputs + 1, 3 * H, bound)
        self.bias = torch.nn.Parameter(torch.zeros(3 * H))
        self.weight, self.above = torch.nn.ParameterList(), \
            torch.nn.ParameterList()
        self.below = torch.nn.ModuleList(
            torch.nn.Linear(H, 3 * H) for _ in range(args.layers - 1))
        for _ in range(args.layers):
            self.weight.append(uniform(3 * H, H, bound))
            self.above.append(torch.nn.Parameter(torch.zeros(3 * H)))
        norm = 'layer-norm' in args.options
        self.norm = torch.nn.ModuleList(
            NormLayer(H) for _ in range(args.layers if norm else 0))
        self.look = Attention(H) if 'attention' in args.options else None
        two = 'two-layer' in args.options
        self.heads = torch.nn.ModuleDict({
            f: Head(n, self.sees(f), H, E, two) for f, n in FIELDS.items()})
        if 'tied' in args.options:
            self.heads['pitch'].out.weight = uniform(128, E, E ** -0.5)
            self.tie = torch.nn.ModuleDict({
                'pitch': torch.nn.Linear(E, 3 * H, bias=False),
                'sounding': torch.nn.Linear(E, 3 * H, bias=False),
                'duration': torch.nn.Linear(E, E, bias=False)})
        if 'relative' in args.options:
            self.relative = torch.nn.Linear(E, 255)
        self.direct = torch.nn.ParameterDict(
            {f: torch.nn.Parameter(torch.zeros(5))
             for f in ('dt', 'pitch', 'duration')} if plan.direct else {})

    def reads(self):
        names = self.plan.heard + self.plan.ahead
        return names + ['step'] if 'per-field' in self.options else names

    def sees(self, field):
        """Where every field is a step, the steps have heard all of it."""
        if 'per-field' in self.options:
            return {'dt_rest': ['dt'], 'duration_rest': ['duration']}.get(
                field, [])
        return self.plan.sees[field]

    def rows(self, batch):
        """What each step hears, (T', B, slots): of the note before, and what
        is known ahead of the next."""
        groups = {n: batch.heard[n][:-1] for n in self.plan.heard}
        groups.update({n: batch.group[n][1:] for n in self.plan.ahead})
        if 'per-field' not in self.options:
            return indices(groups, self.reads())[0]
        none = {n: np.full((batch.T, batch.B, batch.heard[n].shape[-1]), NONE)
                for n in self.plan.heard}
        steps = []
        for step, names in enumerate((
                ('duration', 'duration_rest'),
                ('dt', 'dt_rest', 'metre', 'beat', 'grid', 'sounding'),
                ('pitch',))):
            at = dict(none, step=np.full((batch.T, batch.B, 1), step))
            for name in names:
                at[name] = batch.heard[name]
                if not step:  # of the note before
                    at[name] = np.roll(at[name], 1, 0)
            steps.append(indices(at, self.reads())[0])
        return torch.stack(steps, 1).reshape(3 * batch.T, batch.B, -1)[1:]

    def hear(self, rows):
        table = self.table
        if 'tied' in self.options:
            table = table.clone()
            pitch = self.heads['pitch'].out.weight
            at = 0
            for name in self.reads():
                if name in ('pitch', 'sounding'):
                    table[at:at + 128] = pitch @ self.tie[name].weight.t()
                at += WIDTHS[name]
        T, B, K = rows.shape
        return self.bias + F.embedding_bag(
            rows.reshape(T * B, K), table, mode='sum',
            padding_idx=self.inputs).reshape(T, B, -1)

    def drop(self, x):
        """The same units of a row all along its sequence."""
        p = self.args.dropout
        if not self.training or not p:
            return x
        return x * F.dropout(torch.ones_like(x[:1]), p)

    def states(self, batch):
        """(T, B, H): the state that predicts each note; zero at first."""
        below = self.hear(self.rows(batch))
        for l, weight in enumerate(self.weight):
            weight = F.dropout(weight, self.args.recurrent_dropout,
                               self.training)
            step = self.norm[l] if self.norm else Layer.apply
            h = step(below, weight, self.above[l])
            if l < len(self.below):
                below = self.below[l](self.drop(h))
        if self.look is not None:
            h = self.look(h)
        return torch.cat([h.new_zeros(1, *h.shape[1:]), h])

    def logits(self, field, batch, h, at):
        """Logits of a field at the rows where it is drawn."""
        seen = self.sees(field)
        groups = {n: batch.group[n][at] for n in seen}
        seen = indices(groups, seen)[0] if seen else None
        embedded = 0
        if 'tied' in self.options and field == 'duration':
            pitch = torch.from_numpy(batch.group['pitch'][at][:, 0])
            embedded = self.tie['duration'](
                self.heads['pitch'].out.weight[pitch])
        a, logits = self.heads[field](h, seen, embedded)
        if field == 'pitch' and 'relative' in self.options:
            last = torch.from_numpy(batch.group['last'][at][:, 0])
            step = 127 + torch.arange(128) - last[:, None]
            add = self.relative(a).gather(1, step.clamp(0, 254))
            logits = logits + add * (last >= 0)[:, None]
        if field in self.direct:
            said = torch.from_numpy(batch.group['recall-' + field][at])
            add = self.direct[field][said.clamp(min=0) // FIELDS[field]]
            logits = logits.scatter_add(
                1, said.clamp(min=0) % FIELDS[field],
                add.masked_fill(said < 0, 0))
        return logits.masked_fill(impossible(field, batch, at), -1e9)

    def loss(self, batch):
        """Nats of each field, summed over the batch."""
        h = self.states(batch)
        step = 3 if 'per-field' in self.options else 1
        sub = {'pitch': 1, 'duration': 2, 'duration_rest': 2}
        nats = {}
        for field in FIELDS:
            at = np.nonzero(batch.target[field] >= 0)
            if not len(at[0]):
                continue
            then = at[0] * step + (sub.get(field, 0) if step > 1 else 0)
            state = self.drop(h)[then, at[1]]
            logits = self.logits(field, batch, state, at)
            target = torch.from_numpy(batch.target[field][at])
            nats[field] = F.cross_entropy(logits, target, reduction='sum')
            if field in ('dt', 'duration'):
                more = torch.from_numpy(batch.target[field + '_escapes'][at])
                nats[field] = nats[field] - (
                    more * logits.log_softmax(1)[:, ESCAPE]).sum()
        return nats


def impossible(field, batch, at):
    """Classes that cannot be: what sounds or stands above in the chord, no
    time at all, HELD. (A first dt 0 below pitch 0 is not looked for.)"""
    off = torch.zeros(len(at[0]), FIELDS[field] + 1, dtype=torch.bool)
    if field == 'pitch':
        sounding = torch.from_numpy(batch.group['sounding'][at])
        off.scatter_(1, torch.where(sounding < 0, 128, sounding), True)
        below = torch.from_numpy(batch.group['below'][at])
        off[:, :128] |= (below >= 0) & (torch.arange(128) >= below)
    elif field == 'duration':
        off[:, END] = True
        off[:, 0] = True
        escaped = batch.target['duration_escapes'][at] > 0
        off[torch.from_numpy(escaped), 0] = False
    return off[:, :-1]


# Weights of riposte --------------------------------------------------------

HEARD = ['dt', 'dt_rest', 'pitch', 'duration', 'duration_rest', 'sounding',
         'metre', 'beat', 'grid', 'recall', 'recall-dt', 'recall-heard']
SEEN = ['recall', 'recall-dt', 'dt', 'dt_rest', 'metre', 'beat', 'grid',
        'sounding', 'recall-pitch', 'pitch', 'recall-duration', 'duration']


def read_safetensors(path):
    kinds = {'F32': (np.float32, 0), 'F16': (np.float16, 0),
             'BF16': (np.uint16, 16)}
    with open(path, 'rb') as file:
        size, = struct.unpack('<Q', file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    found, card = {}, header.pop('__metadata__')
    for name, about in header.items():
        kind, shift = kinds[about['dtype']]
        begin, end = about['data_offsets']
        values = np.frombuffer(data[begin:end], kind)
        if shift:
            values = (values.astype(np.uint32) << shift).view(np.float32)
        found[name] = torch.from_numpy(
            values.astype(np.float32).reshape(about['shape']))
    return found, card


def place_columns(weight, names, table, mine):
    """Columns of riposte's `weight` become rows of `table`, by name; what
    riposte does not know begins as nothing."""
    at, rows = {}, 0
    for name in mine:
        at[name] = rows
        rows += WIDTHS[name]
    table.zero_()
    first = 0
    for name in names:
        if first == weight.shape[1]:
            break
        width = WIDTHS[name]
        table[at[name]:at[name] + width] = weight[:, first:first + width].t()
        first += width


@torch.no_grad()
def take_weights(net, path):
    """Begins with the weights of a riposte checkpoint of the same size."""
    w, card = read_safetensors(path)
    heard, seen = ([n for n in names if 'recall' not in n
                    or card.get('recall') == '1'] for names in (HEARD, SEEN))
    place_columns(w['gru.weight_ih_l0'], heard, net.table, net.reads())
    net.bias.copy_(w['gru.bias_ih_l0'].flatten())
    for l in range(len(net.weight)):
        net.weight[l].copy_(w[f'gru.weight_hh_l{l}'])
        net.above[l].copy_(w[f'gru.bias_hh_l{l}'].flatten())
    for l, below in enumerate(net.below, 1):
        below.weight.copy_(w[f'gru.weight_ih_l{l}'])
        below.bias.copy_(w[f'gru.bias_ih_l{l}'].flatten())
    for field, head in net.heads.items():
        for part in ('hidden', 'out'):
            linear = getattr(head, part)
            linear.weight.copy_(w[f'head.{field}.{part}.weight'])
            linear.bias.copy_(w[f'head.{field}.{part}.bias'].flatten())
        cond = w.get(f'head.{field}.cond.weight', torch.zeros(1, 0))
        place_columns(cond, seen, head.cond, net.sees(field))


# Training ------------------------------------------------------------------

class Average:
    """Weight averages that cost no training: decayed, and of last epochs."""

    def __init__(self, net, last):
        self.decays = {0.99: copy.deepcopy(net), 0.999: copy.deepcopy(net)}
        self.last, self.kept = last, []

    @torch.no_grad()
    def step(self, net, count):
        for decay, mean in self.decays.items():
            decay = min(decay, (1 + count) / (10 + count))
            for m, p in zip(mean.parameters(), net.parameters()):
                m.lerp_(p, 1 - decay)

    def epoch(self, net):
        self.kept = (self.kept + [copy.deepcopy(net)])[-self.last:]

    @torch.no_grad()
    def nets(self):
        found = {f'EMA {d}': net for d, net in self.decays.items()}
        found[f'last {len(self.kept)}'] = mean = copy.deepcopy(self.kept[0])
        for all_of in zip(mean.parameters(),
                          *(k.parameters() for k in self.kept)):
            all_of[0].copy_(torch.stack(all_of[1:]).mean(0))
        return found


def batches_of(crops, size, rng=None):
    """Crops of about equal length together; with rng in random order."""
    crops = list(crops)
    if rng is not None:
        rng.shuffle(crops)
    stretch = 16 * size if rng is not None else len(crops)
    out = []
    for i in range(0, len(crops), stretch):
        part = sorted(crops[i:i + stretch], key=lambda c: -c[2])
        out += [part[j:j + size] for j in range(0, len(part), size)]
    if rng is not None:
        rng.shuffle(out)
    return out


@torch.no_grad()
def evaluate(net, plan, pieces, args):
    """Nats per note by field on whole pieces, and per frame."""
    net.eval()
    total, notes = {}, 0
    for part in batches_of([whole(p) for p in pieces], args.batch):
        batch = Batch([plan.crop(c) for c in part], 0, 0, None)
        notes += batch.notes
        for field, nats in net.loss(batch).items():
            total[field] = total.get(field, 0) + nats.item()
    net.train()
    frames = sum(p.frames for p in pieces)
    result = {f: v / notes for f, v in total.items()}
    result['all'] = sum(result.values())
    if frames:
        result['frame'] = result['all'] * notes / frames
    return result


def optimiser(net, args):
    weights = [p for p in net.parameters() if p.dim() > 1]
    biases = [p for p in net.parameters() if p.dim() < 2]
    return torch.optim.AdamW(
        [{'params': weights, 'weight_decay': args.weight_decay},
         {'params': biases, 'weight_decay': 0}],
        lr=args.lr, betas=(0.9, 0.98))


def rate(args, step, steps):
    warm = min(1, (step + 1) / args.warmup)
    if args.schedule == 'constant':
        return args.lr * warm
    half = 0.5 * (1 + math.cos(math.pi * min(1, step / steps)))
    return args.lr * warm * (0.01 + 0.99 * half)


def learn(net, batch, optim, args):
    nats = sum(net.loss(batch).values())
    optim.zero_grad(set_to_none=True)
    (nats / (batch.target['dt'] >= 0).sum()).backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), args.clip)
    optim.step()
    return nats.item()


def train(net, plan, data, args):
    """Returns the best weights by validation, and what was averaged."""
    rng = np.random.default_rng(args.seed)
    optim, average = optimiser(net, args), Average(net, args.last)
    best, best_at, step, steps = None, 0, 0, 1
    began = time.time()
    for epoch in range(args.epochs):
        parts = batches_of(crops_of(data['train'], args.length, rng),
                           args.batch, rng)
        steps = max(steps, len(parts) * args.epochs)
        total = notes = 0
        for part in parts:
            for group in optim.param_groups:
                group['lr'] = rate(args, step, steps)
            batch = Batch([plan.crop(c) for c in part], args.held,
                          args.input_dropout, rng)
            total += learn(net, batch, optim, args)
            notes += batch.notes
            step += 1
            average.step(net, step)
        average.epoch(net)
        if (epoch + 1) % args.check and epoch + 1 < args.epochs:
            continue
        valid = evaluate(net, plan, data['valid'], args)
        print(f'epoch {epoch + 1}  train {total / notes:.4f}  valid '
              f'{valid["all"]:.4f}  {time.time() - began:.0f} s', flush=True)
        if best is None or valid['all'] < best[0]:
            best, best_at = (valid['all'], copy.deepcopy(net)), epoch
        if epoch - best_at >= args.patience:
            break
    return best[1], average


def show(name, net, plan, data, args):
    """A row of the table: valid and test, and the fields on valid."""
    valid, test = (evaluate(net, plan, data[s], args)
                   for s in ('valid', 'test'))
    unit = 'frame' if 'frame' in valid else 'all'
    fields = ' '.join(f'{f} {valid[f]:.3f}' for f in FIELDS if f in valid)
    print(f'| {name} | {valid[unit]:.4f} | {test[unit]:.4f} | {fields} |',
          flush=True)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog='options:\n' + '\n'.join(
            f'  {name:16}{about}' for name, about in OPTIONS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('data')
    add('--options', default='', help='names from below, with commas')
    add('--bars', default='1,2', help='bars back that lookback looks')
    add('--from', dest='start', metavar='FILE', help='riposte weights to '
        'begin with; with --epochs 0 they are only measured')
    add('--share', type=float, default=1, help='of the training pieces')
    for name, value in (('layers', 1), ('hidden', 256), ('head', 128),
                        ('batch', 32), ('length', 128), ('epochs', 6),
                        ('warmup', 100), ('patience', 100), ('last', 3),
                        ('seed', 1), ('threads', 1), ('resolution', 4),
                        ('memory', 0), ('check', 1)):
        add('--' + name, type=int, default=value)
    for name, value in (('lr', 3e-3), ('weight-decay', 0.05), ('clip', 1.0),
                        ('dropout', 0.2), ('recurrent-dropout', 0.0),
                        ('input-dropout', 0.03), ('held', 0.03)):
        add('--' + name, type=float, default=value)
    add('--averages', action='store_true', help='also weight averages: EMA '
        '0.99, 0.999 and of the last epochs')
    add('--schedule', choices=('cosine', 'constant'), default='cosine')
    args = parser.parse_args()
    args.options = [o for o in args.options.split(',') if o]
    args.bars = [int(k) for k in args.bars.split(',')]
    for name in args.options:
        if name not in OPTIONS:
            parser.error(f'{name}: expected one of {", ".join(OPTIONS)}')
    return args


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    data = read_data(args.data, args.resolution)
    pick = np.random.default_rng(0).random(len(data['train'])) < args.share
    data['train'] = [p for p, keep in zip(data['train'], pick) if keep]
    plan = Plan(args.options, args.bars, args.memory)
    net = Net(args, plan)
    if args.start:
        take_weights(net, args.start)
    print('# ' + ', '.join(f'{k} {len(v)} pieces, '
                           f'{sum(len(p.notes) for p in v)} notes'
                           for k, v in data.items()),
          f'{sum(p.numel() for p in net.parameters())} parameters')
    name = ' '.join(args.options) or 'none'
    if args.start:
        show(name + ', begun with', net, plan, data, args)
    if not args.epochs:
        return
    best, average = train(net, plan, data, args)
    show(name, best, plan, data, args)
    for mean, averaged in average.nets().items() if args.averages else ():
        show(f'{name}, {mean}', averaged, plan, data, args)


if __name__ == '__main__':
    main()
