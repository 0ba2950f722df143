#!/usr/bin/python3
"""Cuts the tunes that the tests of training learn from the Open Hymnal.

    cut_tunes.py OPEN_HYMNAL_FOLDER OUT_FOLDER

A tune is the whole soprano with its metres; every sixth hymn of those whose
soprano has 24 to 80 notes. All are in the public domain (presets/README.md);
those whose composer is unknown or died less than 75 years ago are left out all
the same. Needs python3-mido.
"""
import sys
from pathlib import Path

import mido


LEFT_OUT = {"finlandia", "blessed_are_they", "salvator_natus",
            "sieh_hier_bin_ich_ehrenkoenig", "steht_auf_ihr_lieben_kinderlein"}


def soprano(mid):
    """(tick, message) of the first track that has notes, all as loud."""
    for track in mid.tracks:
        now, events = 0, []
        for message in track:
            now += message.time
            if message.type == "note_on":
                events.append((now, message.copy(
                    velocity=80 if message.velocity else 0, channel=0)))
            elif message.type == "note_off":
                events.append((now, message.copy(channel=0)))
        if events:
            return events
    return []


def metres(mid):
    for track in mid.tracks:
        now = 0
        for message in track:
            now += message.time
            if message.type == "time_signature":
                yield now, message


def write(path, beat, events):
    mid = mido.MidiFile(type=0, ticks_per_beat=beat)
    track, now = mido.MidiTrack(), 0
    for tick, message in events:
        track.append(message.copy(time=tick - now))
        now = tick
    mid.tracks.append(track)
    mid.save(path)


def main():
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    tunes = []
    for path in sorted(source.glob("*.mid")):
        mid = mido.MidiFile(path)
        events = soprano(mid)
        if 48 <= len(events) <= 160:
            tunes.append((path.stem, mid, events))
    for name, mid, events in tunes[::6]:
        first = events[0][0]
        if first >= 4 * mid.ticks_per_beat:
            continue
        whole = sorted([*metres(mid), *events], key=lambda e: e[0])
        tune = name.split("-")[-1].lower().replace(" ", "_")
        if tune in LEFT_OUT:
            continue
        write(out / (tune + ".mid"), mid.ticks_per_beat, whole)


main()
