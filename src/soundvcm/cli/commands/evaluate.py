"""`soundvcm evaluate TRUTH PREDICTED`: the scores of a folder of sounds, as a table, JSON or a page.

Knows the protocol; prints, computes nothing.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from soundvcm.cli.terminal import Phases, emit_json, note, say
from soundvcm.errors import OptionError

if TYPE_CHECKING:
    from soundvcm.evaluation.protocol import Evaluation, Settings

LISTED = 5


def evaluate(
    truth: Annotated[Path, tyro.conf.Positional],
    predicted: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    scores: tuple[str, ...] = (),
    seconds: float = 8.0,
    short: Literal["pad", "refuse"] = "pad",
    resamples: int = 200,
    seed: int = 0,
    report: Path | None = None,
    common: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    device: str = "cpu",
    batch: int = 0,
    readers: int = 0,
    cache: Path | None = None,
    no_cache: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> int:
    """Score the sounds of a folder against the true ones: soundvcm evaluate real made --report out.html

    Files are paired by name without suffix; both folders may hold sounds or videos with sound.

    Args:
        truth: folder of true sounds.
        predicted: folder of generated sounds.
        scores: names such as FD_YAMNet onset_F1, or yamnet, onsets for all of a kind; the usual
            ones if left out.
        seconds: every sound is cut to this.
        short: what to do with shorter ones: pad (fill with silence and count) or refuse.
        resamples: bootstrap draws of the 95 % intervals; 0 for none.
        seed: of these draws.
        report: write one HTML page with pictures and players; it works offline.
        common: only files that both folders have, also for scores of sets such as FD.
        device: of the networks: cpu, cuda, mps or auto.
        batch: sounds in one pass; 0 for 16 on a GPU, one on a CPU.
        readers: threads that read files ahead; 0 for four with a GPU, none else.
        cache: folder of kept features; by default in the folder of soundvcm.
        no_cache: keep no features.
        json: print one JSON object instead of the table.
    """
    if no_cache and cache is not None:
        raise OptionError("--cache and --no-cache exclude each other: give one of them")
    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise OptionError(f"--report {report}: is not named as a page: give a name that ends in .html")
    from soundvcm.evaluation.preparing import Length
    from soundvcm.evaluation.protocol import Settings
    from soundvcm.evaluation.protocol import evaluate as run
    from soundvcm.evaluation.reading import FeatureCache, Work
    from soundvcm.runtime import resolve_device

    settings = Settings(Length(seconds, short), resamples, seed, common)
    work = Work(resolve_device(device), batch, readers)
    kept = None if no_cache else FeatureCache(cache)
    phases = Phases(False if json else None)
    try:
        found = run(
            truth,
            predicted,
            scores,
            settings,
            cache=kept,
            command=_command_of(truth, predicted, settings, scores),
            progress=phases,
            work=work,
        )
        if report is not None:
            from soundvcm.evaluation.report import write_report

            phases("report", 0.0)
            write_report(report, found)
    finally:
        phases.clear()
    if json:
        emit_json({**found.as_dict(), "report": None if report is None else str(report)})
        return 0
    remarks(found)
    table(found)
    if report is not None:
        say(f"{report}: the page with pictures and players")
    return 0


def _command_of(truth: Path, predicted: Path, settings: Settings, scores: tuple[str, ...]) -> str:
    """The command that gives the same numbers."""
    length = settings.length
    words = ["soundvcm", "evaluate", str(truth), str(predicted), "--seconds", f"{length.seconds:g}"]
    words += ["--short", length.short, "--resamples", str(settings.resamples), "--seed", str(settings.seed)]
    words += ["--common"] if settings.common else []
    return shlex.join([*words, *(["--scores", *scores] if scores else [])])


def remarks(found: Evaluation) -> None:
    """What is missing, extra or short, one line each."""
    for names, text in (
        (found.pairing.missing, "true sounds have no prediction"),
        (found.pairing.extra, "predictions have no true sound"),
        (found.padded[0], "true sounds are shorter and were filled with silence"),
        (found.padded[1], "predictions are shorter and were filled with silence"),
    ):
        if names:
            more = ", ..." if len(names) > LISTED else ""
            note(f"{len(names)} {text}: {', '.join(names[:LISTED])}{more}")


def table(found: Evaluation) -> None:
    """A line for each score: value, unit, interval, counts, dimension, remarks."""
    from soundvcm.evaluation.report import counts

    length = found.settings.length
    say(f"{len(found.pairing.common)} pairs, {length.seconds:g} s, mono, mean removed")
    for name, (count, seconds) in found.speeds.items():
        if count:
            say(f"{name}: {count} sounds, {count / max(seconds, 1e-9):.2f} sounds/s")
    for score in found.scores:
        interval = ""
        if score.interval is not None:
            interval = f"[{score.interval[0]:.4g}, {score.interval[1]:.4g}]"
        dimension = f", {score.dimension}-d" if score.dimension else ""
        notes = f"; {'; '.join(score.notes)}" if score.notes else ""
        basis = f"n = {counts(score)}{dimension}" if score.value is not None else ""
        number = f"{score.name:<19}{score.text:>12} {score.unit:<17}{interval:<20}"
        say(f"{number} {score.better} is better; {basis}{notes}")
