#!/usr/bin/env python3
"""Converts MusicXML (.mxl, .musicxml, .xml) to .mid; Python alone.

    mxl2mid.py FILE OUT.mid
    mxl2mid.py --tree FOLDER OUT_FOLDER

One track per part and staff, 480 ticks per beat. Repeats, endings, da capo
and dal segno are unrolled; grace notes are left out; velocities follow the
dynamics marks; chord symbols are text events on a track "chords".
"""
import struct
import sys
import xml.etree.ElementTree as ET
import zipfile
from fractions import Fraction
from pathlib import Path

PPQ = 480
STEP = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
VELOCITY = {"pppp": 20, "ppp": 28, "pp": 41, "p": 54, "mp": 67, "mf": 80,
            "f": 93, "ff": 106, "fff": 119, "ffff": 127, "sf": 100,
            "sfz": 100, "fp": 67}
KIND = {"major": "", "minor": "m", "dominant": "7", "major-seventh": "maj7",
        "minor-seventh": "m7", "diminished": "dim", "augmented": "aug",
        "diminished-seventh": "dim7", "augmented-seventh": "aug7",
        "half-diminished": "m7b5", "major-minor": "mMaj7",
        "major-sixth": "6", "minor-sixth": "m6", "dominant-ninth": "9",
        "major-ninth": "maj9", "minor-ninth": "m9", "dominant-11th": "11",
        "dominant-13th": "13", "suspended-second": "sus2",
        "suspended-fourth": "sus4", "power": "5", "none": "N.C."}
UNIT = {"whole": 4, "half": 2, "quarter": 1, "eighth": Fraction(1, 2),
        "16th": Fraction(1, 4)}


def text_of(element, path, default=""):
    found = element.find(path)
    return (found.text or "").strip() if found is not None else default


def number_of(element, path, default=0):
    text = text_of(element, path)
    return int(float(text)) if text else default


def score_name(archive):
    """What the container names; where that is no XML, the first score."""
    try:
        box = ET.fromstring(archive.read("META-INF/container.xml"))
        return next(e.get("full-path") for e in box.iter()
                    if e.tag.endswith("rootfile"))
    except (KeyError, StopIteration, ET.ParseError):
        names = [n for n in archive.namelist()
                 if n.endswith((".xml", ".musicxml")) and
                 not n.startswith("META-INF/")]
        if not names:
            raise ValueError("no score in it") from None
        return names[0]


def load(path):
    """The score element of a file, zipped or plain."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            score = ET.fromstring(archive.read(score_name(archive)))
    else:
        score = ET.parse(path).getroot()
    if score.tag != "score-partwise":
        raise ValueError("expected score-partwise, found " + score.tag)
    return score


class Measure:
    """What one measure holds; times are beats from its start."""

    def __init__(self):
        self.length = Fraction(0)
        self.notes = []   # (staff, at, length, pitch, velocity, tie_stop)
        self.chords = []  # (at, text)
        self.tempos = []  # (at, quarters per minute)
        self.metre = None
        self.full = Fraction(4)
        self.forward = self.backward = False
        self.times = 2
        self.endings = set()
        self.marks = set()  # dacapo, dalsegno, segno, coda, tocoda, fine


class PartReader:
    """Reads the measures of one part, in order."""

    def __init__(self):
        self.divisions = 1
        self.transpose = 0
        self.velocity = 80
        self.full = Fraction(4)
        self.endings = set()

    def measure(self, element):
        self.m = Measure()
        self.at = self.last = Fraction(0)
        for child in element:
            read = getattr(self, "read_" + child.tag.replace("-", "_"), None)
            if read:
                read(child)
            self.m.length = max(self.m.length, self.at)
        self.m.full = self.full
        self.m.endings |= self.endings
        if self.ending_over:
            self.endings = set()
        return self.m

    ending_over = False

    def beats(self, element):
        return Fraction(text_of(element, "duration", "0")) / self.divisions

    def read_attributes(self, element):
        self.divisions = number_of(element, "divisions", self.divisions) or 1
        shift = element.find("transpose")
        if shift is not None:
            self.transpose = (number_of(shift, "chromatic") +
                              12 * number_of(shift, "octave-change"))
        time = element.find("time")
        if time is not None and text_of(time, "beats"):
            beats = sum(int(n) for n in text_of(time, "beats").split("+"))
            unit = number_of(time, "beat-type", 4)
            self.m.metre = (beats, unit)
            self.full = Fraction(4 * beats, unit)

    def read_backup(self, element):
        self.at = max(Fraction(0), self.at - self.beats(element))

    def read_forward(self, element):
        self.at += self.beats(element)

    def read_note(self, element):
        if element.find("grace") is not None:
            return
        length = self.beats(element)
        if element.find("chord") is not None:
            at = self.last
        else:
            at = self.last = self.at
            self.at += length
        pitch = element.find("pitch")
        if pitch is None or element.find("cue") is not None or not length:
            return
        key = (STEP[text_of(pitch, "step")] + number_of(pitch, "alter") +
               12 * (number_of(pitch, "octave") + 1) + self.transpose)
        ties = {tie.get("type") for tie in element.findall("tie")}
        if 0 <= key <= 127:
            self.m.notes.append((number_of(element, "staff", 1), at, length,
                                 key, self.velocity, "stop" in ties))

    def read_direction(self, element):
        for mark in element.iter("dynamics"):
            for kind in mark:
                self.velocity = VELOCITY.get(kind.tag, self.velocity)
        for mark in ("segno", "coda"):
            if element.find("direction-type/" + mark) is not None:
                self.m.marks.add(mark)
        tempo = None
        for metronome in element.iter("metronome"):
            unit = UNIT.get(text_of(metronome, "beat-unit"))
            digits = text_of(metronome, "per-minute")
            if unit and digits.replace(".", "", 1).isdigit():
                dot = metronome.find("beat-unit-dot") is not None
                tempo = Fraction(digits) * unit * (Fraction(3, 2) if dot
                                                   else 1)
        if tempo:
            self.m.tempos.append((self.at, float(tempo)))
        for sound in element.iter("sound"):
            self.read_sound(sound)

    def read_sound(self, element):
        try:
            tempo = float(element.get("tempo") or 0)
        except ValueError:
            tempo = 0
        if tempo > 0:
            self.m.tempos = [t for t in self.m.tempos if t[0] != self.at]
            self.m.tempos.append((self.at, tempo))
        for mark in ("dacapo", "dalsegno", "segno", "coda", "tocoda", "fine"):
            if element.get(mark):
                self.m.marks.add(mark)

    def read_barline(self, element):
        ending = element.find("ending")
        if ending is not None:
            numbers = {int(n) for n in
                       (ending.get("number") or "1").replace(",", " ").split()
                       if n.isdigit()} or {1}
            if ending.get("type") == "start":
                self.endings = numbers
                self.ending_over = False
            else:
                self.ending_over = True
        repeat = element.find("repeat")
        if repeat is not None and repeat.get("direction") == "forward":
            self.m.forward = True
        elif repeat is not None:
            self.m.backward = True
            self.m.times = int(repeat.get("times") or 2)

    def read_harmony(self, element):
        kind = element.find("kind")
        if kind is None:
            return
        offset = Fraction(text_of(element, "offset", "0")) / self.divisions
        if kind.text == "none":
            name = "N.C."
        else:
            name = (note_name(element, "root") +
                    KIND.get((kind.text or "").strip(), kind.get("text", "")))
            for degree in element.findall("degree"):
                alter = number_of(degree, "degree-alter")
                sign = {"add": "add", "subtract": "no"}.get(
                    text_of(degree, "degree-type"), "")
                name += sign + sharps(alter) + text_of(degree, "degree-value")
            if element.find("bass") is not None:
                name += "/" + note_name(element, "bass")
        self.m.chords.append((max(Fraction(0), self.at + offset), name))


def sharps(alter):
    return "#" * alter if alter > 0 else "b" * -alter


def note_name(element, which):
    return (text_of(element, "%s/%s-step" % (which, which)) +
            sharps(number_of(element, "%s/%s-alter" % (which, which))))


def spread_endings(measures):
    """Some files close an ending's bracket early: it lasts to its repeat sign
    where the next ending follows that."""
    for index, m in enumerate(measures[:-1]):
        if not m.endings or m.backward or measures[index + 1].endings:
            continue
        for to in range(index + 1, len(measures) - 1):
            if measures[to].endings or measures[to].forward:
                break
            if measures[to].backward:
                if measures[to + 1].endings - m.endings:
                    for between in measures[index + 1:to + 1]:
                        between.endings = set(m.endings)
                break


def last_ending(measures, index):
    """The highest ending number of the group that `index` stands in."""
    first = index
    while first > 0 and measures[first - 1].endings:
        first -= 1
    most = 1
    while first < len(measures) and measures[first].endings:
        most = max([most] + list(measures[first].endings))
        first += 1
    return most


def unroll(measures):
    """Indices of the measures in the order in which they are played."""
    order, at, begun, turn, jumped = [], 0, 0, 1, False
    segno = next((i for i, m in enumerate(measures) if "segno" in m.marks), 0)
    codas = [i for i, m in enumerate(measures) if "coda" in m.marks]
    while at < len(measures) and len(order) < 10000:
        m = measures[at]
        if m.forward and begun != at:
            begun, turn = at, 1
        if m.endings:
            most = last_ending(measures, at)
            wanted = most if jumped else turn
            if wanted not in m.endings:
                at += 1
                continue
        order.append(at)
        if m.backward and not jumped:
            times = max(2, last_ending(measures, at)) if m.endings else m.times
            if turn < times:
                turn, at = turn + 1, begun
                continue
        over = m.endings and not (at + 1 < len(measures) and
                                  measures[at + 1].endings)
        if m.backward or over:
            begun, turn = at + 1, 1
        if jumped and "fine" in m.marks:
            break
        if jumped and "tocoda" in m.marks and codas and codas[-1] > at:
            at = codas[-1]
            continue
        if not jumped and m.marks & {"dacapo", "dalsegno"}:
            at = 0 if "dacapo" in m.marks else segno
            jumped = True
            continue
        at += 1
    return order


def combine(parts):
    """Repeats and lengths hold for all parts: any part may have written
    them."""
    count = max(len(p) for p in parts)
    for part in parts:
        while len(part) < count:
            part.append(Measure())
    shared = []
    for column in zip(*parts):
        m = Measure()
        m.forward = any(c.forward for c in column)
        m.backward = any(c.backward for c in column)
        m.times = max(c.times for c in column)
        m.endings = set().union(*(c.endings for c in column))
        m.marks = set().union(*(c.marks for c in column))
        m.metre = next((c.metre for c in column if c.metre), None)
        m.length = max(c.length for c in column) or column[0].full
        m.tempos = sorted(set(sum((c.tempos for c in column), [])))
        m.chords = next((c.chords for c in column if c.chords), [])
        shared.append(m)
    spread_endings(shared)
    return shared


def play(part, shared, order):
    """{staff: [[onset, end, pitch, velocity]]} in beats."""
    staves, now = {}, Fraction(0)
    for index in order:
        for staff, at, length, pitch, velocity, tied in part[index].notes:
            notes = staves.setdefault(staff, [])
            before = next((n for n in reversed(notes[-24:]) if tied and
                           n[2] == pitch and n[1] == now + at), None)
            if before:
                before[1] += length
            else:
                notes.append([now + at, now + at + length, pitch, velocity])
        now += shared[index].length
    return staves


def ticks(beats):
    return int(beats * PPQ + Fraction(1, 2))


def varlen(n):
    out = bytes([n & 127])
    while n > 127:
        n >>= 7
        out = bytes([n & 127 | 128]) + out
    return out


def meta(kind, data):
    return bytes([0xff, kind]) + varlen(len(data)) + data


def chunk(name, events):
    """One MTrk of (tick, order, bytes)."""
    body, now = varlen(0) + meta(3, name.encode("utf-8")), 0
    for tick, _, data in sorted(events, key=lambda e: e[:2]):
        body += varlen(tick - now) + data
        now = tick
    body += varlen(0) + meta(0x2f, b"")
    return b"MTrk" + struct.pack(">I", len(body)) + body


def head_events(shared, order):
    head, chords, now = [], [], Fraction(0)
    metre = None
    for index in order:
        m = shared[index]
        if m.metre and m.metre != metre:
            metre = m.metre
            head.append((ticks(now), 0, meta(0x58, bytes(
                [metre[0] & 255, metre[1].bit_length() - 1, 24, 8]))))
        for at, bpm in m.tempos:
            us = min(0xffffff, max(1, int(60e6 / bpm)))
            head.append((ticks(now + at), 1,
                         meta(0x51, struct.pack(">I", us)[1:])))
        for at, name in m.chords:
            chords.append((ticks(now + at), 0, meta(1, name.encode("utf-8"))))
        now += m.length
    if not any(e[0] == 0 and e[1] == 1 for e in head):
        head.append((0, 1, meta(0x51, struct.pack(">I", 600000)[1:])))
    return head, chords


def convert(source, target):
    score = load(source)
    names = {p.get("id"): text_of(p, "part-name")
             for p in score.iter("score-part")}
    parts, titles = [], []
    for element in score.findall("part"):
        reader = PartReader()
        parts.append([reader.measure(m) for m in element.findall("measure")])
        titles.append(names.get(element.get("id"), ""))
    if not parts:
        raise ValueError("no part in it")
    shared = combine(parts)
    order = unroll(shared)
    head, chords = head_events(shared, order)
    title = text_of(score, "work/work-title") or text_of(score,
                                                         "movement-title")
    tracks = [chunk(title, head)]
    channels = [c for c in range(15) if c != 9]
    for part, name in zip(parts, titles):
        staves = play(part, shared, order)
        for staff in sorted(staves):
            channel = channels[(len(tracks) - 1) % len(channels)]
            events = []
            for onset, end, pitch, velocity in staves[staff]:
                events.append((ticks(onset), 1, bytes(
                    [0x90 | channel, pitch, velocity])))
                events.append((max(ticks(end), ticks(onset) + 1), 0, bytes(
                    [0x80 | channel, pitch, 64])))
            tracks.append(chunk("%s %d" % (name, staff)
                                if len(staves) > 1 else name, events))
    if chords:
        tracks.append(chunk("chords", chords))
    data = struct.pack(">4sIHHH", b"MThd", 6, 1, len(tracks), PPQ)
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).write_bytes(data + b"".join(tracks))


def convert_tree(source, target):
    done = failed = 0
    for path in sorted(Path(source).rglob("*")):
        if path.suffix.lower() not in (".mxl", ".musicxml", ".xml"):
            continue
        out = Path(target) / path.relative_to(source).with_suffix(".mid")
        try:
            convert(path, out)
            done += 1
        except Exception as error:  # one bad file of a thousand
            print("%s: %s" % (path, error), file=sys.stderr)
            failed += 1
    print("%d converted, %d not" % (done, failed))
    return 0 if done else 1


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--tree":
        return convert_tree(sys.argv[2], sys.argv[3])
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        convert(sys.argv[1], sys.argv[2])
    except Exception as error:
        print("%s: %s" % (sys.argv[1], error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
