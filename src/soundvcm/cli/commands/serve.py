"""`soundvcm serve`: the studio, a page and an HTTP service around one loaded system.

Knows options and the address to print; the work is in `web`.
"""

from __future__ import annotations

import contextlib
import os
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import tyro

from soundvcm.cli.options import SystemOptions, flags_of_options, load_pipeline
from soundvcm.cli.terminal import say
from soundvcm.errors import InputError, MissingExtraError
from soundvcm.systems.catalog import require

if TYPE_CHECKING:
    from soundvcm.web import Studio

PACKAGES = {"fastapi": "fastapi", "uvicorn": "uvicorn", "python_multipart": "python-multipart"}


@flags_of_options
def serve(
    *,
    system: SystemOptions,
    host: str = "127.0.0.1",
    port: int = 8765,
    token: str | None = None,
    token_file: Path | None = None,
    trusted_host: list[str] = [],  # noqa: B006 - tyro shows it as the default
    folder: Path | None = None,
    allow_local_paths: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    max_upload_mib: int = 512,
    max_seconds: float = 600.0,
    max_takes: int = 16,
    max_job_minutes: float = 30.0,
    max_waiting: int = 16,
    max_batch: int = 4,
    keep_minutes: float = 60.0,
    max_stored_mib: int = 8192,
) -> int:
    """Open the studio: soundvcm serve, then visit the address it prints; Ctrl-C ends it.

    Only this machine can reach it unless --host says otherwise, which needs --token.

    Args:
        system: a flag each, as `SystemOptions` explains them.
        host: address to listen at; others than 127.0.0.1 need a token.
        port: 0 picks a free one.
        token: what clients must know; 8 characters or more. Other users of this machine can see it in the
            list of processes: --token-file, or the variable SOUNDVCM_TOKEN, hide it.
        token_file: a file whose first line is the token.
        trusted_host: name under which a reverse proxy shows the studio; may be given several times.
        folder: where clips and takes are kept for the next start; left out, a folder that goes with it.
        allow_local_paths: clients may name files of this machine instead of uploading.
        max_upload_mib: largest upload.
        max_seconds: longest clip and longest sound.
        max_takes: most takes of one job.
        max_job_minutes: a job that runs longer is ended after its current phase; finished takes stay.
        max_waiting: jobs that may wait while others run.
        max_batch: waiting jobs of the same length that are made as one batch; 1 makes each by itself.
        keep_minutes: clips and results that were not used for this long are removed.
        max_stored_mib: how much disk space clips and results may take.
    """
    if missing := [package for module, package in PACKAGES.items() if find_spec(module) is None]:
        raise MissingExtraError(missing[0], "serve")
    from soundvcm.web import MIB, Limits, check_address

    token = _find_token(token, token_file)
    check_address(host, token)
    limits = Limits(
        upload_bytes=max_upload_mib * MIB,
        seconds=max_seconds,
        takes=max_takes,
        job_seconds=60 * max_job_minutes,
        waiting=max_waiting,
        batch=max_batch,
        keep_seconds=60 * keep_minutes,
        stored_bytes=max_stored_mib * MIB,
    )
    require(system.model, system.vocoder)
    from soundvcm.web import Studio, temporary_folder

    pipeline = load_pipeline(system.given())
    signal.signal(signal.SIGTERM, _interrupt)  # its default would leave the files behind
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(temporary_folder()) if folder is None else folder / "files"
        studio = Studio(pipeline, place, limits, allow_local_paths, keep=folder is not None)
        studio.inspector.warm()
        try:
            _open(studio, host, port, token, trusted_host)
        finally:
            studio.close()
    return 0


def _open(studio: Studio, host: str, port: int, token: str | None, hosts: list[str]) -> None:
    """Serve a studio until it is interrupted."""
    from soundvcm.web import create_app, listen

    entrance = "" if token is None else f"/?token={quote(token, safe='')}"

    def ready(address: str) -> None:
        say(f"studio with {studio.pipeline.name}: {address}{entrance} (Ctrl-C ends it)")

    with contextlib.suppress(KeyboardInterrupt):
        listen(create_app(studio, token, hosts), host, port, ready)


def _find_token(token: str | None, file: Path | None) -> str | None:
    """The token from the option, the file or the environment (SOUNDVCM_TOKEN), in this order.

    Raises:
        InputError: if the file cannot be read or is empty.
    """
    if token is not None:
        return token
    if file is None:
        return os.environ.get("SOUNDVCM_TOKEN") or None
    try:
        found = file.read_text(encoding="utf-8").split("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: the token cannot be read from it ({error})") from None
    if not found:
        raise InputError(f"{file}: its first line is empty: write the token there")
    return found


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
