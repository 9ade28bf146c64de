"""An evaluation as one HTML page that needs no network: scores, spread, best and worst pairs to see and hear.

Pictures and sounds are in the page itself. Knows an `Evaluation` and its files; computes no score.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterable
from html import escape
from pathlib import Path

from torch import Tensor

from soundvcm import media
from soundvcm.evaluation.drawing import histogram, spectrograms
from soundvcm.evaluation.preparing import Length, prepare
from soundvcm.evaluation.protocol import Evaluation
from soundvcm.evaluation.scores import Score

RATE = 16_000  # of pictures and players
WORST = 8
LISTED = 20
STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8881; --mark: #c33; --bar: #47a; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; } .wide { overflow-x: auto; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n { font-variant-numeric: tabular-nums; white-space: nowrap; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; margin: .5rem 0 1.5rem; }
.pair img { width: 100%; height: auto; display: block; image-rendering: auto; }
figure { margin: 0; } audio { width: 100%; height: 2.2rem; margin-top: .3rem; }
svg .bars rect { fill: var(--bar); } svg .mean { stroke: var(--mark); stroke-width: 2; }
svg text { font-size: 11px; fill: currentColor; } tr.more td { border-bottom: 0; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; }
code { background: var(--soft); padding: .1rem .3rem; overflow-wrap: anywhere; } small { opacity: .8; }
"""
POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"


def write_report(path: Path, evaluation: Evaluation) -> None:
    """Write the page; whole or not at all, never over one of the sounds.

    Raises:
        MediaError: if it cannot be written. InputError: if a sound to show cannot be read any more.
    """
    page = html(evaluation)
    inputs = (*evaluation.truth.values(), *evaluation.made.values())
    never = next((one for one in inputs if media.same_file(one, path)), None)
    with media.whole_file(path, never=never) as part:
        part.write_text(page, encoding="utf-8")


def html(evaluation: Evaluation) -> str:
    """The page as text."""
    ranked_by, order = evaluation.ranking()
    body = [
        "<h1>Sounds against the true ones</h1>",
        _facts(evaluation),
        "<h2>Scores</h2>",
        _table(evaluation.scores),
    ]
    plots = [one for one in evaluation.scores if len(one.per_item) > 1]
    if plots:
        drawn = "".join(histogram(list(one.per_item.values()), f"{one.name} ({one.unit})") for one in plots)
        body += ["<h2>Spread over the pairs</h2>", f'<div class="plots">{drawn}</div>']
    if order:
        shown = {"Best": order[0], "Median": order[len(order) // 2], "Worst": order[-1]}
        body.append(f"<h2>Best, median, worst pair by {escape(ranked_by)}</h2>")
        scale = (
            f"Pictures: 0 .. {evaluation.settings.length.seconds:g} s, 50 Hz .. 8 kHz in even octaves, 80 dB"
        )
        body.append(f"<p><small>{scale} below the loudest point of the pair; players: 16 kHz.</small></p>")
        body += [_pair(evaluation, title, name) for title, name in shown.items()]
        worst = order[:-1][::-1][:WORST] if len(order) > 1 else []
        worst = [name for name in worst if name not in shown.values()]
        if worst:
            body.append("<h2>Next worst pairs</h2>")
            body += [_pair(evaluation, f"{rank}.", name) for rank, name in enumerate(worst, 2)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>soundvcm evaluate</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _facts(evaluation: Evaluation) -> str:
    pairing, length = evaluation.pairing, evaluation.settings.length
    rule = "filled with silence" if length.short == "pad" else "refused"
    lines = [
        f"{len(pairing.common)} pairs of {len(evaluation.truth)} true and {len(evaluation.made)} predicted"
        f" sounds; mono, mean removed, cut to {length.seconds:g} s, shorter ones {rule}",
        f"missing predictions: {_names(pairing.missing)}",
        f"predictions without a true sound: {_names(pairing.extra)}",
        f"filled with silence: true {_names(evaluation.padded[0])}; predicted {_names(evaluation.padded[1])}",
        "features by " + "; ".join(escape(one) for one in evaluation.extractors),
        f"intervals: 95 %, bootstrap over the items, seed {evaluation.settings.seed};"
        " those of sets (FD, IS) are laid around the value",
        ", ".join(f"{escape(name)} {escape(number)}" for name, number in evaluation.versions.items())
        + f"; {escape(evaluation.date)}",
    ]
    if evaluation.command:
        lines.append(f"<code>{escape(evaluation.command)}</code>")
    return "<ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>"


def _names(names: Iterable[str]) -> str:
    found = list(names)
    if not found:
        return "none"
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return f"{len(found)} ({escape(', '.join(found[:LISTED]))}{more})"


def _table(scores: Iterable[Score]) -> str:
    """All columns fit a page of the usual width; remarks, which are sentences, have a line of their own."""
    head = ("score", "value", "unit", "better", "95 %", "n")
    rows = ["<tr>" + "".join(f"<th>{one}</th>" for one in head) + "</tr>"]
    for score in scores:
        interval = "-" if score.interval is None else f"{score.interval[0]:.4g} .. {score.interval[1]:.4g}"
        dimension = "" if score.dimension is None else f"<br><small>{score.dimension}-d</small>"
        cells = (
            f"<b>{escape(score.name)}</b>",
            escape(score.text),
            escape(score.unit),
            escape(score.better),
            interval + (f"<br><small>{score.resamples} draws</small>" if score.interval else ""),
            counts(score).replace(" + ", "<br>") + dimension,
        )
        remarks = escape("; ".join(score.notes))
        kind = ' class="more"' if remarks else ""
        rows.append(f"<tr{kind}>" + "".join(f'<td class="n">{cell}</td>' for cell in cells) + "</tr>")
        if remarks:
            rows.append(f'<tr><td></td><td colspan="{len(head) - 1}"><small>{remarks}</small></td></tr>')
    return f'<div class="wide"><table>{"".join(rows)}</table></div>'


def counts(score: Score) -> str:
    """How many items (and feature rows) a score rests on, in words."""
    if score.value is None:
        return "-"
    if score.rows is None:
        return f"{score.items[0]} pairs"
    sides = [
        f"{items} {name}" + (f" ({rows} rows)" if rows != items else "")
        for items, rows, name in zip(score.items, score.rows, ("true", "predicted"), strict=True)
        if items
    ]
    return " + ".join(sides)


def _pair(evaluation: Evaluation, title: str, name: str) -> str:
    length = Length(evaluation.settings.length.seconds)
    waves = [prepare(side[name], RATE, length).wave for side in (evaluation.truth, evaluation.made)]
    pictures = spectrograms([wave.numpy() for wave in waves], RATE)
    values = ", ".join(
        f"{one.name} {one.per_item[name]:.3g}" for one in evaluation.scores if name in one.per_item
    )
    figures = "".join(
        f"<figure><figcaption>{side}</figcaption>"
        f'<img alt="spectrogram, {side}" src="{_uri("image/png", drawn)}">'
        f'<audio controls preload="none" src="{_uri("audio/flac", _flac(wave))}"></audio></figure>'
        for side, wave, drawn in zip(("true", "predicted"), waves, pictures, strict=True)
    )
    heading = f"<h3>{escape(title)} {escape(name)}</h3><small>{escape(values)}</small>"
    return f'{heading}<div class="pair">{figures}</div>'


def _flac(wave: Tensor) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.flac"
        media.save_sound(path, wave, RATE)
        return path.read_bytes()


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
