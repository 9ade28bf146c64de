"""How much the studio takes on, who may reach it, and what it says when it refuses.

Knows numbers, addresses and sentences; nothing of HTTP frameworks, jobs or media.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from soundvcm.errors import InputError, OptionError

MIB = 1 << 20
DISK_FULL = "the disk of this studio is full: delete takes, or try again later"


class RefusedError(InputError):
    """A request that the studio does not take.

    Attributes:
        status: HTTP status, 4xx.
        field: the control of the page the sentence belongs beside; None for none.
    """

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status, self.field = status, field


@dataclass(frozen=True)
class Limits:
    """What one studio takes on.

    Attributes:
        upload_bytes: of one request.
        seconds: longest sound of one take.
        takes: most takes of one job.
        job_seconds: time a job may run, once its turn has come.
        waiting: jobs that may wait while others run.
        keep_seconds: age after which clips and finished jobs are removed, counted from their last use.
        stored_bytes: of all clips and results together.
        batch: waiting jobs of the same length that are made as one batch; 1 makes each by itself.
        kept_features: clips and ranges whose features stay in memory.
        pixels: of one picture of a clip.
        total_pixels: of all pictures of a clip, as far as its container says.
        inspect_seconds: time a look at an upload may take.
        sender_seconds: grace for a sender who is slower than 16 KiB a second.
        undo_seconds: how long a deleted take can be brought back.

    Raises:
        OptionError: for a limit that would take nothing on.
    """

    upload_bytes: int = 512 * MIB
    seconds: float = 600.0
    takes: int = 16
    job_seconds: float = 1800.0
    waiting: int = 16
    keep_seconds: float = 3600.0
    stored_bytes: int = 8192 * MIB
    batch: int = 4
    kept_features: int = 32
    pixels: float = 100e6
    total_pixels: float = 2e11
    inspect_seconds: float = 120.0
    sender_seconds: float = 30.0
    undo_seconds: float = 600.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise OptionError(f"the limit {name} must be above 0, not {value}")

    def check_seconds(self, seconds: float, field: str = "seconds") -> None:
        """Refuse sounds that last too long.

        Raises:
            RefusedError: 413.
        """
        if seconds > self.seconds:
            raise RefusedError(
                413, f"{seconds:g} s is too long: this studio makes up to {self.seconds:g} s", field
            )

    def check_takes(self, takes: int) -> None:
        """Refuse too many takes at once.

        Raises:
            RefusedError: 422.
        """
        if not 1 <= takes <= self.takes:
            raise RefusedError(422, f"takes must be 1 .. {self.takes}, not {takes}", "takes")

    def check_upload(self, count: int) -> None:
        """Refuse uploads that are too large.

        Raises:
            RefusedError: 413.
        """
        if count > self.upload_bytes:
            raise RefusedError(
                413, f"the upload is larger than the {_in_mib(self.upload_bytes)} this studio takes", "video"
            )

    def check_pixels(self, width: int, height: int, pictures: float) -> None:
        """Refuse clips that are too much to decode.

        Args:
            width: of a picture.
            height: of a picture.
            pictures: how many the container claims; 1 if it does not say.

        Raises:
            RefusedError: 413.
        """
        if width * height > self.pixels:
            raise RefusedError(
                413,
                f"{width} x {height} are too many pixels: this studio takes {self.pixels / 1e6:g} million",
                "video",
            )
        if width * height * pictures > self.total_pixels:
            raise RefusedError(
                413,
                f"{pictures:.0f} pictures of {width} x {height} are too much to look at: make it smaller",
                "video",
            )

    def check_stored(self, count: int) -> None:
        """Refuse more while clips and results fill the space they may take.

        Raises:
            RefusedError: 429.
        """
        if count > self.stored_bytes:
            raise RefusedError(
                429,
                f"the {_in_mib(self.stored_bytes)} for clips and results are full: delete takes or try later",
                "video",
            )


def _in_mib(count: int) -> str:
    """A size as a person says it."""
    return f"{count / MIB:g} MiB" if count >= MIB else f"{count} bytes"


def is_loopback(host: str) -> bool:
    """Whether a name or address can be reached from this machine only."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check_address(host: str, token: str | None) -> None:
    """Refuse to listen to other machines without a token.

    Raises:
        OptionError: naming both ways out.
    """
    if token is not None and (len(token) < 8 or not token.isascii() or not token.isprintable()):
        raise OptionError("the token needs 8 or more printable ASCII characters")
    if token is None and not is_loopback(host):
        raise OptionError(
            f"{host} can be reached from other machines: add --token SECRET, or leave --host at 127.0.0.1"
        )


def name_of_host(header: str) -> str:
    """The host in a Host header, without its port: "[::1]:80" => "::1"."""
    if header.startswith("["):
        return header[1:].split("]")[0]
    return header.rsplit(":", 1)[0] if header.count(":") == 1 else header
