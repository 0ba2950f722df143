#!/usr/bin/python3
"""Cuts the calls of the live tests from the Open Hymnal's .mid files.

    cut_calls.py OPEN_HYMNAL_FOLDER OUT_FOLDER

A call is the first phrase of the soprano: up to the first long note that
begins three beats or more after the start. Needs python3-mido.
"""
import sys
from pathlib import Path

import mido

BPM = 97
CALLS = [  # file, voices, what is special
    ("Praise_God_From_Whom_All_Blessings_Flow-Old_100th", 1, ""),
    ("Our_God_Our_Help_In_Ages_Past-St_Anne", 1, ""),
    ("Glorious_Things_of_Thee_Are_Spoken-Austria_Haydn-Austrian_Hymn", 1, ""),
    ("Joyful_Joyful_We_Adore_Thee-Ode_To_Joy", 1, "pedal"),
    ("Now_Thank_We_All_Our_God-Nun_Danket", 1, ""),
    ("Joy_To_The_World-Antioch", 1, ""),
    ("Jesus_Shall_Reign-Duke_Street", 1, ""),
    ("From_Heaven_Above-Vom_Himmel_Hoch", 2, ""),
    ("O_Come_All_Ye_Faithful-Adeste_Fideles-Portugese_Hymn", 1, ""),
    ("The_Churchs_One_Foundation-Aurelia", 1, ""),
    ("All_Praise_To_Thee_My_God_This_Night-Tallis_Canon", 1, ""),
    ("O_Lord_My_Soul_Convicted-Winchester_New", 1, ""),
    ("Let_All_Mortal_Flesh_Keep_Silence-Picardy", 1, ""),
    ("O_Come_O_Come_Emmanuel-Veni_Emmanuel", 1, ""),
    ("Wake_Awake_For_Night_Is_Flying-Wachet_Auf", 1, ""),
    ("Angels_From_The_Realms_Of_Glory-Regent_Square", 4, ""),
    ("Hark_The_Herald_Angels_Sing-Mendelssohn", 1, ""),
    ("God_Rest_Ye_Merry_Gentlemen-God_Rest_Ye_Merry_Gentlemen", 1, ""),
    ("O_Sacred_Head_Now_Wounded-Passion_Chorale-Herzlich_Tut_Mich_Verlangen",
     1, ""),
    ("Come_Thou_Fount-Nettleton", 1, ""),
]


def notes_of(track):
    """(onset, end, pitch, velocity), by onset."""
    now, open_notes, notes = 0, {}, []
    for message in track:
        now += message.time
        if message.type == "note_on" and message.velocity:
            open_notes[message.note] = (now, message.velocity)
        elif message.type in ("note_on", "note_off"):
            begun = open_notes.pop(message.note, None)
            if begun:
                notes.append((begun[0], now, message.note, begun[1]))
    return sorted(notes)


def phrase(notes, beat):
    """The first phrase of a melody."""
    first = notes[0][0]
    for index, (onset, end, _, _) in enumerate(notes):
        if onset - first >= 3 * beat and (end - onset) * 20 >= 27 * beat:
            return notes[:index + 1]
        if end - first > 7 * beat:
            return notes[:max(index, 5)]
    return notes


def write(path, events, beat):
    """events: (tick, order, message)."""
    mid = mido.MidiFile(type=1, ticks_per_beat=beat)
    head = mido.MidiTrack()
    head.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BPM)))
    head.append(mido.MetaMessage("time_signature", numerator=4, denominator=4))
    track = mido.MidiTrack()
    now = 0
    for tick, _, message in sorted(events, key=lambda e: e[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    mid.tracks += [head, track]
    mid.save(path)


def events_of(notes, first):
    events = []
    for onset, end, pitch, velocity in notes:
        events.append((onset - first, 2, mido.Message(
            "note_on", note=pitch, velocity=velocity)))
        events.append((end - first, 1, mido.Message("note_off", note=pitch)))
    return events


def main():
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    phrases = []
    for number, (name, voices, special) in enumerate(CALLS, 1):
        mid = mido.MidiFile(source / (name + ".mid"))
        beat = mid.ticks_per_beat
        tracks = [t for t in map(notes_of, mid.tracks) if t]
        notes = phrase(tracks[0], beat)
        first, last = notes[0][0], notes[-1][1]
        for track in tracks[1:voices]:
            notes = notes + [n for n in track if first <= n[0] and n[1] <= last]
        events = events_of(notes, first)
        if special == "pedal":
            pedal = mido.Message("control_change", control=64)
            events.append((0, 0, pedal.copy(value=127)))
            events.append((last - first + 2 * beat + 77, 3,
                           pedal.copy(value=0)))
        tune = name.split("-")[1].lower() + ("_pedal" if special else "")
        write(out / ("%02d_%s.mid" % (number, tune)), events, beat)
        phrases.append((events, last - first))
    # The second phrase begins while the first one is being answered.
    events, length = phrases[1]
    late = -(-length // beat) * beat + 5 * beat + beat // 3
    write(out / "interrupted.mid",
          events + [(t + late, o, m) for t, o, m in phrases[4][0]], beat)


main()
