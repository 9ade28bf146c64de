"""Renders notes of a soundfont to waves with the `fluidsynth` command, and says which recorded sample each
note comes from.

The second matters for honest splits: two keys that stretch the same sample are one source recording. Reads
just as much of the SF2 format as that takes (the `pdta` tables). Knows nothing of kinds.
"""

from __future__ import annotations

import re
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

_KEY_RANGE, _INSTRUMENT, _VELOCITY_RANGE, _SAMPLE = 43, 41, 44, 53


@dataclass(frozen=True)
class Note:
    """One note to render: preset (`bank` 128 is the drum kits), key, velocity, and how long it is held, in
    seconds.
    """

    bank: int
    program: int
    key: int
    velocity: int
    held_seconds: float


def _tables(path: Path) -> dict[str, bytes]:
    """The chunks of the `pdta` list of a soundfont file."""
    data = path.read_bytes()
    at = data.rindex(b"pdta") + 4
    tables: dict[str, bytes] = {}
    while at + 8 <= len(data) and len(tables) < 9:
        name, size = struct.unpack_from("<4sI", data, at)
        tables[name.decode("ascii")] = data[at + 8 : at + 8 + size]
        at += 8 + size
    return tables


def _zones(bags: bytes, generators: bytes, first: int, last: int) -> list[dict[int, int]]:
    """Generator values of each zone first..last-1; a zone without its own range takes that of the global
    zone before it.
    """
    zones = []
    for zone in range(first, last):
        begin, end = (struct.unpack_from("<H", bags, 4 * (zone + i))[0] for i in (0, 1))
        zones.append(dict(struct.unpack_from("<HH", generators, 4 * i) for i in range(begin, end)))
    return zones


class SoundFont:
    """The presets of one SF2 file: `presets` maps (bank, program) to a name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        tables = _tables(path)
        self._tables = tables
        self.presets: dict[tuple[int, int], str] = {}
        self._bags: dict[tuple[int, int], tuple[int, int]] = {}
        headers = tables["phdr"]
        for at in range(0, len(headers) - 38, 38):
            name, program, bank, bag = struct.unpack_from("<20sHHH", headers, at)
            (next_bag,) = struct.unpack_from("<H", headers, at + 38 + 24)
            self.presets[bank, program] = name.split(b"\0")[0].decode("latin-1").strip()
            self._bags[bank, program] = (bag, next_bag)

    @staticmethod
    def _inside(zone: dict[int, int], kind: int, value: int) -> bool:
        span = zone.get(kind, 127 << 8)
        return (span & 255) <= value <= (span >> 8)

    def _matching(self, zones: list[dict[int, int]], target: int, key: int, velocity: int) -> list[int]:
        return [
            z[target]
            for z in zones
            if target in z and self._inside(z, _KEY_RANGE, key) and self._inside(z, _VELOCITY_RANGE, velocity)
        ]

    def samples(self, bank: int, program: int, key: int, velocity: int) -> tuple[str, ...]:
        """Names of the recorded samples that sound for this note, sorted; empty when the preset has none at
        that key.
        """
        if (bank, program) not in self._bags:
            return ()
        found = set()
        zones = _zones(self._tables["pbag"], self._tables["pgen"], *self._bags[bank, program])
        for instrument in self._matching(zones, _INSTRUMENT, key, velocity):
            first, last = (
                struct.unpack_from("<H", self._tables["inst"], 22 * (instrument + i) + 20)[0] for i in (0, 1)
            )
            inner = _zones(self._tables["ibag"], self._tables["igen"], first, last)
            for sample in self._matching(inner, _SAMPLE, key, velocity):
                name = (
                    self._tables["shdr"][46 * sample : 46 * sample + 20]
                    .split(b"\0")[0]
                    .decode("latin-1")
                    .strip()
                )
                found.add(re.sub(r"[ (-]*[LR]\)$", "", name))
        return tuple(sorted(found))


def _variable_length(value: int) -> bytes:
    out = [value & 127]
    while value := value >> 7:
        out.append(128 | value & 127)
    return bytes(reversed(out))


def midi_file(notes: list[Note], spacing_seconds: float) -> bytes:
    """A format-0 MIDI file that plays `notes` one after another, each beginning `spacing_seconds` after the
    one before.

    480 ticks a second. Drum kits (bank 128) sound on channel 10, everything else on channel 1.
    """
    events = bytearray(b"\x00\xff\x51\x03\x0f\x42\x40")  # tempo: 1,000,000 microseconds a quarter
    wait = 0
    for note in notes:
        channel = 9 if note.bank == 128 else 0
        held = round(note.held_seconds * 480)
        for message in (
            bytes([0xB0 | channel, 0, note.bank % 128]),
            bytes([0xB0 | channel, 32, 0]),
            bytes([0xC0 | channel, note.program]),
            bytes([0x90 | channel, note.key, note.velocity]),
        ):
            events += _variable_length(wait) + message
            wait = 0
        events += _variable_length(held) + bytes([0x80 | channel, note.key, 0])
        wait = max(0, round(spacing_seconds * 480) - held)
    events += _variable_length(wait + 480) + b"\xff\x2f\x00"
    return (
        b"MThd"
        + struct.pack(">IHHH", 6, 0, 1, 480)
        + b"MTrk"
        + struct.pack(">I", len(events))
        + bytes(events)
    )


def render(font: Path, notes: list[Note], spacing_seconds: float, rate: int = 48000) -> list[np.ndarray]:
    """Each note as a mono float32 wave [spacing_seconds * rate], dry (no reverb, no chorus).

    Raises FileNotFoundError without the `fluidsynth` command and CalledProcessError when it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        song, wave_file = Path(folder, "notes.mid"), Path(folder, "notes.wav")
        song.write_bytes(midi_file(notes, spacing_seconds))
        command = [
            "fluidsynth",
            "-q",
            "-n",
            "-i",
            "-R",
            "0",
            "-C",
            "0",
            "-g",
            "0.7",
            "-r",
            str(rate),
            "-O",
            "s16",
        ]
        command += ["-o", "synth.midi-bank-select=gs", "-F", str(wave_file), str(font), str(song)]
        subprocess.run(command, check=True, capture_output=True)
        wave, _ = soundfile.read(wave_file, dtype="float32", always_2d=True)
    mono = wave.mean(axis=1)
    span = round(spacing_seconds * rate)
    mono = np.pad(mono, (0, max(0, span * len(notes) - len(mono))))
    return [mono[i * span : (i + 1) * span] for i in range(len(notes))]
