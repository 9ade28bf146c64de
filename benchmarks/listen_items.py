"""What the bench one can hear counts of a sound, and its page: index.html beside sounds and spectrograms.

Knows the judge of kinds and nothing of who made the sounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundvcm import media
from soundvcm.evaluation import classify
from soundvcm.evaluation.drawing import spectrograms

Wave = NDArray[np.float32]
RATE = 16_000
SILENT = 1e-3  # -60 dBFS: frames of 20 ms below this are dead
CLICK = 0.5  # a step between two samples that is no sound
STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui; max-width: 74rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #8885; text-align: left; }
.item { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: .7rem; }
figure { margin: 0; } img { width: 100%; display: block; } audio { width: 100%; height: 2rem; }
.no { color: #c33; }
"""


@dataclass
class Item:
    """One sound of one system.

    Attributes:
        part: "prompts", "fitting", "contradicting", "scenes", "footage".
        system: who made it.
        kind: what was asked for.
        text: the prompt.
        wave: [s] the sound.
        rate: its samples a second.
        follows: correlation of its loudness with the movement of real film; not a number elsewhere.
        classes: YAMNet's best three.
        right: whether the first, and any of the three, is a plausible hearing of the kind.
        lufs: integrated loudness.
        dead: share of frames that are silent.
        clicks: steps that are no sound.
    """

    part: str
    system: str
    kind: str
    text: str
    wave: Wave = field(repr=False)
    rate: int = RATE
    follows: float = float("nan")
    classes: list[str] = field(default_factory=list)
    right: tuple[bool, bool] = (False, False)
    lufs: float = 0.0
    dead: float = 0.0
    clicks: int = 0

    def judge(self, heard: tuple[str, ...]) -> Item:
        """Fill in what can be measured."""
        self.classes = classify(self.wave[None], self.rate)
        self.right = (self.classes[0] in heard, any(name in heard for name in self.classes))
        self.lufs = media.integrated_loudness(self.wave[None], self.rate)
        size = self.rate // 50
        frames = self.wave[: len(self.wave) // size * size].reshape(-1, size)
        self.dead = float(np.mean(np.abs(frames).max(axis=1) < SILENT))
        self.clicks = int(np.sum(np.abs(np.diff(self.wave)) > CLICK))
        return self


def summary(items: list[Item]) -> list[dict[str, Any]]:
    """A row for each part and system."""
    rows = []
    for part, system in dict.fromkeys((item.part, item.system) for item in items):
        chosen = [item for item in items if (item.part, item.system) == (part, system)]
        loud = np.asarray([item.lufs for item in chosen])
        rows.append(
            {
                "part": part,
                "system": system,
                "n": len(chosen),
                "right first": float(np.mean([item.right[0] for item in chosen])),
                "in best 3": float(np.mean([item.right[1] for item in chosen])),
                "below -45 LUFS": int(np.sum(loud < -45)),
                "above -10 LUFS": int(np.sum(loud > -10)),
                "median LUFS": float(np.median(np.maximum(loud, -70))),
                "dead frames": float(np.mean([item.dead for item in chosen])),
                "with clicks": int(np.sum([item.clicks > 0 for item in chosen])),
            }
        )
        known = [item.follows for item in chosen if np.isfinite(item.follows)]
        if known:
            rows[-1]["follows movement"] = float(np.mean(known))
    return rows


def write_page(folder: Path, report: dict[str, Any], items: list[Item]) -> None:
    """index.html beside its sounds and pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"<p>{escape(report['command'])}; {report['date']}; {escape(str(report['machine']))}</p>"]
    for name in ("summary", "scenes"):
        rows = report[name] if name == "summary" else [{"system": k, **v} for k, v in report[name].items()]
        keys = list(dict.fromkeys(key for row in rows for key in row))
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(shown(row.get(k)))}</td>" for k in keys) + "</tr>" for row in rows
        )
        head = "".join(f"<th>{escape(key)}</th>" for key in keys)
        lines.append(f"<h2>{name}</h2><table><tr>{head}</tr>{body}</table>")
    groups: dict[tuple[str, str, str], list[Item]] = {}
    for item in items:
        groups.setdefault((item.part, item.kind, item.text), []).append(item)
    for number, ((part, kind, text), group) in enumerate(groups.items()):
        figures = ""
        for index, item in enumerate(group):
            [picture] = spectrograms([item.wave], item.rate)
            stem = f"{number:04d}_{index}"
            (folder / f"{stem}.png").write_bytes(picture)
            soundfile.write(
                folder / f"{stem}.ogg", np.clip(item.wave, -1, 1), item.rate, format="OGG", subtype="VORBIS"
            )
            mark = "" if item.right[1] else ' class="no"'
            figures += (
                f'<figure><img src="{stem}.png" alt="spectrogram">'
                f'<audio controls preload="none" src="{stem}.ogg"></audio>'
                f"<figcaption><b>{item.system}</b> <span{mark}>{escape(', '.join(item.classes))}</span>"
                f" {item.lufs:.0f} LUFS</figcaption></figure>"
            )
        lines.append(
            f"<h3>{part}: {escape(text)} <small>({kind})</small></h3><div class='item'>{figures}</div>"
        )
    page = f"<!doctype html><meta charset='utf-8'><title>listen</title><style>{STYLE}</style>" + "\n".join(
        lines
    )
    (folder / "index.html").write_text(page, encoding="utf-8")


def shown(value: Any) -> str:
    """A cell."""
    return f"{value:.3g}" if isinstance(value, float) else str(value if value is not None else "")
