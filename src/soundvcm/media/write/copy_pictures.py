"""Copying pictures without decoding them: the packets of a plan, written unchanged.

Knows packets and timestamps; nothing of sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from soundvcm.errors import MediaError
from soundvcm.media.read.source import open_media, source_name
from soundvcm.media.write.packet_plan import LONGEST_REORDER, MOMENT, PacketPlan, seek_to, timed_packets
from soundvcm.media.write.trial import copy_track


class CopiedPictures:
    """The planned packets, added to an output as one stream.

    Args:
        source: the file.
        plan: from `plan_copy`.
        shift: seconds added to all times (0 puts the asked start at 0).
    """

    def __init__(self, source: Any, plan: PacketPlan, shift: Fraction = Fraction(0)) -> None:
        self.source, self.plan, self.shift = source, plan, shift
        self.seconds: Fraction | None = plan.seconds
        self.messages: list[str] = []
        self._opened = open_media(source)
        self._container: Any = self._opened.__enter__()

    def close(self) -> None:
        """Close the input."""
        self._opened.__exit__(None, None, None)

    def attach(self, output: Any, suffix: str) -> None:
        """Add a stream with the input's parameters: codec, rotation and other side data, tag, language."""
        stream: Any = self._container.streams[self.plan.stream]
        copy = copy_track(output, stream, suffix)
        steady = suffix == ".avi" and self.plan.rate is not None  # AVI counts pictures
        self._fine = 1000 if self.plan.behind and self.plan.time_base > MOMENT else 1
        base = self.plan.time_base / self._fine
        copy.time_base = 1 / self.plan.rate if steady and self.plan.rate else base
        copy.metadata.update(stream.metadata)
        self._stream, self._copy = stream, copy
        self.stream = copy

    def packets(self, start: Fraction) -> Iterator[tuple[Fraction, Any]]:
        """(time of decoding in s, packet) in order; the asked start of the range lands on `shift` seconds."""
        plan = self.plan
        base = plan.time_base
        zero = plan.origin + round((start - self.shift) / base)
        seek_to(self._container, self._stream, plan.origin, plan.seek)
        left, begun, moments = plan.count, False, min(plan.behind.values(), default=None)
        for packet, pts, dts in timed_packets(self._container, self._stream, sought=plan.seek is not None):
            begun = begun or (packet.is_keyframe and pts == plan.first)
            if not begun or (start > 0 and pts < plan.first and plan.count - left < LONGEST_REORDER):
                continue
            if packet.size == 0:
                continue
            left -= 1
            shown = plan.behind.get(pts, Fraction(pts))
            if moments is not None:
                until = MOMENT / base if pts in plan.behind else min(packet.duration or 1, moments - pts)
                packet.duration = max(1, round(until * self._fine))
            elif left == 0 and (plan.hold or plan.last > (packet.duration or 0)):
                packet.duration = max(1, plan.last + round(plan.hold / base))
            packet.stream = self._copy
            packet.time_base = base / self._fine
            packet.pts, packet.dts = round((shown - zero) * self._fine), (dts - zero) * self._fine
            yield packet.dts * packet.time_base, packet
            if left == 0:
                return
        if left:
            raise MediaError(f"{source_name(self.source)}: changed while it was read")


class PacketQueue:
    """An iterator of (time, packet) that hands out what lies before a time."""

    def __init__(self, packets: Iterator[tuple[Fraction, Any]]) -> None:
        self._packets = packets
        self._next: tuple[Fraction, Any] | None = None
        self.ended = False

    def before(self, until: Fraction | None) -> Iterator[Any]:
        """The packets before `until` (s) that were not handed out yet; all of them for None."""
        while not self.ended:
            if self._next is None:
                self._next = next(self._packets, None)
                self.ended = self._next is None
            if self._next is None or (until is not None and self._next[0] >= until):
                return
            packet, self._next = self._next[1], None
            yield packet
