"""riposte's encoding of notes in NumPy, for prototype.py: pieces, crops, and
what the network hears and its heads see at each note (model/data/vocabulary.h,
note.c, model/train_crop.c), with more than riposte has (OPTIONS there)."""
import json

import numpy as np
import torch

EXACT, WIDTH, ESCAPE, END, SPAN = 48, 24, 62, 63, 384
FIELDS = {'dt': 64, 'dt_rest': 24, 'pitch': 128, 'duration': 64,
          'duration_rest': 24}
NONE = -1  # an empty slot, a field that is not drawn


# Data ----------------------------------------------------------------------

class Piece:
    """Notes (n, 3): onset, duration, pitch, sorted as riposte sorts them."""

    def __init__(self, notes, metres, origin, resolution, frames=0):
        self.notes = np.array(notes, np.int64).reshape(-1, 3)
        self.metres = np.array(metres, np.int64).reshape(-1, 3)
        self.origin, self.resolution = origin, resolution
        self.frames = frames

    def metre_at(self, ticks, known=True):
        """Start of the metre in force and the length of its bars, in ticks;
        beats and unit (0 where unknown)."""
        if not known or not len(self.metres):
            zero = np.zeros_like(ticks)
            return zero + self.origin, zero + 4 * self.resolution, zero, zero
        at = np.searchsorted(self.metres[:, 0], ticks, 'right') - 1
        start, beats, unit = self.metres[np.maximum(at, 0)].T
        bar = np.where(unit > 0, 4 * self.resolution * beats
                       // np.maximum(unit, 1), 4 * self.resolution)
        return start, np.maximum(bar, 1), beats, unit


def piece_from_roll(roll, resolution):
    begun, notes = {}, []
    for at, pitches in enumerate(roll + [[]]):
        for pitch in [p for p in begun if p not in pitches]:
            notes.append((begun[pitch], at - begun[pitch], pitch))
            del begun[pitch]
        for pitch in pitches:
            begun.setdefault(pitch, at)
    notes.sort(key=lambda n: (n[0], -n[2]))
    return Piece(notes, [], 0, resolution, len(roll))


def read_data(path, resolution):
    with open(path) as file:
        data = json.load(file)
    splits = {'train': [], 'valid': [], 'test': []}
    if 'pieces' in data:
        for p in data['pieces']:
            splits[p['split']].append(Piece(
                p['notes'], p['metres'], p['origin'], data['resolution']))
    else:
        for name, pieces in splits.items():
            pieces += [piece_from_roll(roll, resolution)
                       for roll in data[name]]
    return {k: [p for p in v if len(p.notes)] for k, v in splits.items()}


def crops_of(pieces, length, rng):
    """(piece, first, notes, origin, end, shift, metre) of an epoch, as
    model/train_crop.c cuts them."""
    crops = []
    for piece in pieces:
        count = len(piece.notes)
        if count <= length:
            first = rng.integers(count // 2 + 1) if rng.integers(2) else 0
            firsts = [first]
        else:
            first = 1 + rng.integers(length)
            firsts = list(range(first, count - 8, length))
            if first > length // 2 or rng.integers(2):
                firsts.append(0)
        for first in firsts:
            crops.append(crop_from(piece, first, length, rng))
    return crops


def crop_from(piece, first, length, rng):
    onset = piece.notes[first, 0]
    origin = piece.origin
    if first:
        start, bar, _, unit = (x[0] for x in piece.metre_at(
            np.array([onset])))
        bar = 1 if piece.frames else bar
        origin = onset if onset < start else onset - (onset - start) % bar
        while first and piece.notes[first - 1, 0] >= origin:
            first -= 1
    notes = len(piece.notes) - first
    end = notes < length
    shift = rng.integers(12) - 6
    octave = {0: -12, 1: 12}.get(int(rng.integers(8)), 0)
    low, high = piece.notes[:, 2].min(), piece.notes[:, 2].max()
    if low + shift + octave >= 36 and high + shift + octave <= 96:
        shift += octave
    elif low + shift < 0 or high + shift > 127:
        shift = 0
    return (piece, first, min(notes, length), origin, end, shift,
            rng.random() >= 0.1)


def whole(piece):
    return (piece, 0, len(piece.notes), piece.origin, True, 0, True)


# What is seen at each note -------------------------------------------------

def time_classes(ticks):
    left = ticks % SPAN
    coarse = left >= EXACT
    cls = np.where(coarse, EXACT + (left - EXACT) // WIDTH, left)
    rest = np.where(coarse, (left - EXACT) % WIDTH, NONE)
    escapes = ticks // SPAN
    return cls, rest, escapes


def slots(rows, lists):
    """Ragged lists of classes as (rows, most), NONE where empty."""
    most = max([len(x) for x in lists] + [1])
    out = np.full((rows, most), NONE)
    for i, x in enumerate(lists):
        out[i, :len(x)] = x
    return out


def time_slots(cls, escapes):
    return np.stack([cls, np.where(escapes > 0, ESCAPE, NONE)], 1)


class Crop:
    """All groups of classes of one crop. Row i is what can be known of note i;
    the row after the last note is END."""

    def __init__(self, crop, bars):
        self.piece, first, n, self.origin, self.end, shift, self.metre = crop
        notes = self.piece.notes[first:first + n]
        self.n, self.bars = n, bars
        self.onset, self.length = notes[:, 0], notes[:, 1]
        self.pitch = notes[:, 2] + shift
        self.dt = np.diff(self.onset, prepend=self.origin)
        self.group, self.target = {}, {}
        self.add_notes()
        self.add_place()
        self.add_sounding()

    def put(self, name, values):
        """Values of the n notes; END's row is empty."""
        values = values.reshape(self.n, -1)
        empty = np.full((1, values.shape[1]), NONE)
        self.group[name] = np.concatenate([values, empty])

    def add_notes(self):
        for name, ticks in (('dt', self.dt), ('duration', self.length)):
            cls, rest, escapes = time_classes(ticks)
            self.put(name, time_slots(cls, escapes))
            self.put(name + '_rest', rest)
            end = END if name == 'dt' and self.end else NONE
            self.target[name] = np.append(cls, end)
            self.target[name + '_rest'] = np.append(rest, NONE)
            self.target[name + '_escapes'] = np.append(escapes, 0)
        self.put('pitch', self.pitch)
        self.target['pitch'] = np.append(self.pitch, NONE)
        last = np.append(NONE, self.pitch[:-1])
        self.put('below', np.where((self.dt == 0) & (last >= 0), last, NONE))
        self.put('last', last)
        self.put('interval', np.where(
            last >= 0, np.clip(self.pitch - last, -24, 24) + 24, NONE))
        self.put('pitch-class', self.pitch % 12)

    def add_place(self):
        resolution = self.piece.resolution
        start, bar, beats, unit = self.piece.metre_at(self.onset, self.metre)
        known = unit > 0
        self.bar = bar
        inside = (self.onset - start) % np.where(known, bar, resolution)
        beat = np.where(known, np.minimum(inside // resolution, 15), 16)
        eighths = beats * 8 // np.maximum(unit, 1)
        metre = np.where(eighths > 16, 20, eighths)
        metre = np.where(beats * 8 % np.maximum(unit, 1) > 0, 21, metre)
        compound = (unit == 8) & np.isin(beats, (6, 9, 12))
        metre = np.where(compound, 15 + beats // 3, metre)
        self.put('metre', np.where(known, metre, 0))
        self.put('beat', beat)
        self.put('grid', inside % resolution * 24 // resolution)

    def add_sounding(self):
        """Pitches begun earlier that still sound at each onset."""
        until = self.onset + self.length
        found, lists = [], []
        for i in range(self.n):
            found = [j for j in found if until[j] > self.onset[i]]
            lists.append([self.pitch[j] for j in found])
            found.append(i)
        self.put('sounding', slots(self.n, lists))

    def struck(self, ticks):
        """Index of the highest note at each tick, or NONE."""
        at = np.minimum(np.searchsorted(self.onset, ticks), self.n - 1)
        return np.where(self.onset[at] == ticks, at, NONE)

    def add_lookback(self):
        """What was struck so many bars before the new onset; what followed so
        many bars before the last one."""
        cls = self.target['dt'][:-1], self.target['duration'][:-1]
        for k in self.bars:
            then = self.onset - k * self.bar
            at = self.struck(then)
            blank = np.where(then < self.origin, NONE, 128)
            self.put(f'back{k}', np.where(at >= 0, self.pitch[at], blank))
            self.put(f'back-duration{k}',
                     np.where(at >= 0, cls[1][at], NONE))
            self.add_followed(k)

    def add_followed(self, k):
        """Row i says what followed k bars before note i - 1."""
        then = self.onset - k * self.bar
        at, after = self.struck(then), np.searchsorted(self.onset, then,
                                                       'right')
        known = then >= self.origin
        same = np.where(at < 0, 0, 1 + (self.pitch[at] == self.pitch) +
                        ((self.pitch[at] == self.pitch) &
                         (self.length[at] == self.length)))
        rows = {f'followed{k}': time_classes(self.onset[after] - then)[0],
                f'followed-pitch{k}': self.pitch[after],
                f'repeat{k}': same}
        for name, row in rows.items():
            self.group[name] = np.append(
                NONE, np.where(known, row, NONE)).reshape(-1, 1)

    def like(self):
        """like[i, j]: how many notes before i are as those before j, in time
        and in interval; j < i."""
        step = np.append(999, np.diff(self.pitch))
        same = ((step[:, None] == step) & (self.dt[:, None] == self.dt))
        same[0] = same[:, 0] = False
        like = np.zeros((self.n + 1, self.n + 1), np.int64)
        for i in range(1, self.n + 1):
            like[i, 1:i] = np.where(same[i - 1, :i - 1],
                                    like[i - 1, :i - 1] + 1, 0)
        return like

    def add_recall(self, beats):
        """As model/data/recall.h: row i says what note j was, which followed
        the phrase most like the one before i (the same key before others, then
        the latest); j at most so many beats ago (0: any)."""
        n, like = self.n, self.like()
        if beats:
            first = np.append(0, self.onset) - beats * self.piece.resolution
            like[:, :n][self.onset < first[:, None]] = 0
        back = np.append(NONE, self.pitch)
        score = np.minimum(like, 31) * 2 + (back[:, None] == back)
        score = np.where(like[:, :n] > 0, score[:, :n], 0)
        j = n - 1 - np.argmax(score[:, ::-1], 1)
        long = like[np.arange(n + 1), j]
        found = long > 0
        size = np.searchsorted([2, 4, 8], long, 'right')  # 0..3
        key = (back[np.arange(n + 1)] == back[j]).astype(int)
        said = {'dt': self.target['dt'][j],
                'duration': self.target['duration'][j],
                'pitch': np.clip(back + self.pitch[j] - back[j], 0, 127)}
        dt = found & (self.target['dt'] == said['dt'])
        pitch = dt & (self.target['pitch'] == said['pitch'])
        self.group['recall'] = np.where(found, size * 2 + key, NONE)[:, None]
        for name, agrees in (('dt', found), ('pitch', dt),
                             ('duration', pitch)):
            strength = np.where(agrees, size, 4)
            row = strength * FIELDS[name] + said[name]
            self.group['recall-' + name] = np.where(found, row, NONE)[:, None]
        heard = size * 128 + said['pitch']
        self.group['recall-heard'] = np.where(found, heard, NONE)[:, None]

    def add_scale(self):
        lists = [sorted(set(self.pitch[max(0, i - 16):i] % 12))
                 for i in range(self.n + 1)]
        self.group['scale'] = slots(self.n + 1, lists)


WIDTHS = {'dt': 64, 'dt_rest': 24, 'pitch': 128, 'duration': 64,
          'duration_rest': 24, 'sounding': 128, 'metre': 24, 'beat': 17,
          'grid': 24, 'interval': 49, 'pitch-class': 12, 'scale': 12,
          'recall': 8, 'recall-dt': 256, 'recall-pitch': 640,
          'recall-duration': 320, 'recall-heard': 512, 'step': 3}
for _k in range(1, 33):
    WIDTHS.update({f'back{_k}': 129, f'back-duration{_k}': 64,
                   f'followed{_k}': 64, f'followed-pitch{_k}': 128,
                   f'repeat{_k}': 4})


class Plan:
    """Which groups the network hears and each head sees. `heard` are of the
    note just played, `ahead` are known of the next before it is drawn."""

    def __init__(self, options, bars, memory=0):
        self.bars, self.memory = bars, memory
        place = ['metre', 'beat', 'grid']
        self.heard = ['dt', 'dt_rest', 'pitch', 'duration', 'duration_rest',
                      'sounding'] + place
        self.ahead, dt = [], []
        pitch = ['dt', 'dt_rest'] + place + ['sounding']
        more, only = [], []
        self.heard += [o for o in ('interval', 'pitch-class') if o in options]
        if 'scale' in options:
            only.append('scale')
        if 'lookback-heads' in options:
            dt += [f'followed{k}' for k in bars]
            only += [f'back{k}' for k in bars]
            more += [f'back-duration{k}' for k in bars]
        if 'lookback-input' in options:
            self.ahead += [f'{g}{k}' for k in bars
                           for g in ('followed', 'followed-pitch', 'repeat')]
        if 'recall-heads' in options:
            dt += ['recall', 'recall-dt']
            only += ['recall', 'recall-dt', 'recall-pitch']
            more += ['recall-duration']
        if 'recall-input' in options:
            self.ahead += ['recall', 'recall-dt', 'recall-heard']
        self.sees = {'dt': dt, 'dt_rest': dt + ['dt'], 'pitch': pitch + only,
                     'duration': pitch + only + ['pitch'] + more}
        self.sees['duration_rest'] = self.sees['duration'] + ['duration']
        self.lookback = any(o.startswith('lookback') for o in options)
        self.recall = any(o.startswith('recall') for o in options)
        self.scale = 'scale' in options
        self.direct = 'recall-direct' in options

    def crop(self, crop):
        made = Crop(crop, self.bars)
        if self.lookback:
            made.add_lookback()
        if self.recall:
            made.add_recall(self.memory)
        if self.scale:
            made.add_scale()
        return made


class Batch:
    """Crops side by side. group[name]: (T, B, slots); target[name]: (T, B)."""

    def __init__(self, crops, held, forget, rng):
        T = max(c.n + c.end for c in crops)
        B = len(crops)
        self.T, self.B = T, B
        self.notes = sum(c.n for c in crops)
        self.group, self.target = {}, {}
        for name in crops[0].group:
            wide = max(c.group[name].shape[1] for c in crops)
            self.group[name] = out = np.full((T, B, wide), NONE)
            for b, c in enumerate(crops):
                rows = c.group[name][:c.n + c.end]
                out[:len(rows), b, :rows.shape[1]] = rows
        for name in crops[0].target:
            self.target[name] = out = np.full((T, B), NONE)
            for b, c in enumerate(crops):
                rows = c.target[name][:c.n + c.end]
                out[:len(rows), b] = rows
        self.heard = dict(self.group)
        if held or forget:
            self.spoil(held, forget, rng)

    def spoil(self, held, forget, rng):
        """Some durations are heard as HELD, some fields not at all."""
        heard = self.heard['duration'].copy()
        off = (rng.random((self.T, self.B)) < held) & (heard[:, :, 0] >= 0)
        heard[off] = NONE
        heard[off, 0] = END
        self.heard['duration'] = heard
        self.heard['duration_rest'] = np.where(
            off[..., None], NONE, self.heard['duration_rest'])
        for names in (('dt', 'dt_rest'), ('pitch', 'interval', 'pitch-class'),
                      ('duration', 'duration_rest'), ('sounding',),
                      ('metre', 'beat', 'grid')):
            off = rng.random((self.T, self.B, 1)) < forget
            for name in names:
                self.heard[name] = np.where(off, NONE, self.heard[name])


def indices(groups, names, first=0):
    """(rows..., slots) into the concatenation of the groups' classes; the
    index after the last means none."""
    total = first + sum(WIDTHS[n] for n in names)
    parts, at = [], first
    for name in names:
        g = groups[name]
        parts.append(np.where(g < 0, total, g + at))
        at += WIDTHS[name]
    return torch.from_numpy(np.concatenate(parts, -1)), total
