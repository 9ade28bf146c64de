"""Which example prompts work: every prompt that README, docs, studio and examples show, over ten seeds.

    python benchmarks/example_prompts.py [--seeds 10]

A take counts if YAMNet, which takes no part in making it, has what was asked for among its three likeliest of
521 classes. Prompts are measured alone (4 s) and, where they are shown with a bundled clip, with that clip.
`EXAMPLES` is held against the pages by tests/benchmarks/test_example_prompts.py: who shows a new prompt
measures it here first.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

import soundvcm
from soundvcm import GenerateOptions
from soundvcm.evaluation import classify
from soundvcm.generate.pipeline import Pipeline
from soundvcm.web import examples

ROOT = Path(__file__).resolve().parent.parent
CLIPS = ROOT / "examples" / "clips"
#: what shows prompts to people, but for the diary and the prompts of other systems
PAGES = (
    "README.md",
    "docs/**/*.md",
    "examples/*.ipynb",
    "examples/browser/index.html",
    "integrations/comfyui/example_workflows/*.json",
    "src/soundvcm/__init__.py",
    "src/soundvcm/cli/main.py",
    "src/soundvcm/cli/batch/table.py",
)
OTHER = ("docs/decisions.md", "docs/models.md")
SHOWN = (
    r'--prompt "([^"]+)"',
    r'\bprompt=\\?"([^"\\]+)\\?"',
    r'"prompt": "([^"]+)"',
    r'id="prompt" value="([^"]+)"',
    r"^ *[\d.]+,[\d.]+,([^,\n]+),",  # tables of segments
)
#: prompt => kinds of tiny/bank/kinds.json whose classes answer it, and a bundled clip that it is shown with
EXAMPLES: dict[str, tuple[str, str | None]] = {
    "rain": ("rain", None),
    "rain on a tin roof": ("rain", None),
    "rain falls on leaves": ("rain", "rain"),
    "a glass marble bounces": ("glass_clink", "bounce"),
    "a hammer strikes metal": ("hammer metal_clang", "hammer"),
    "waves on a beach": ("sea_waves", None),
    "a river stream": ("stream", None),
    "thunder": ("thunder", None),
    "applause": ("applause", None),
    "a clock ticks": ("clock_tick", None),
    "a train passes": ("train", None),
    "a police siren": ("siren", None),
    "glass breaks": ("glass_break", None),
    "water drips": ("water_drop", None),
}
#: classes that name too much to be an answer
BROAD = {"Music", "Musical instrument", "Animal", "Domestic animals, pets", "Wild animals", "Vehicle"}
BROAD |= {"Water", "Liquid", "Alarm", "Mechanisms", "Percussion"}


def shown() -> Iterator[tuple[str, str]]:
    """Every prompt that is shown to people, with the file it stands in."""
    for pattern in PAGES:
        for page in sorted(ROOT.glob(pattern)):
            if str(page.relative_to(ROOT)) in OTHER:
                continue
            text = page.read_text(encoding="utf-8")
            for form in SHOWN:
                for prompt in re.findall(form, text, re.MULTILINE):
                    if "{" not in prompt:
                        yield prompt.strip(), str(page.relative_to(ROOT))
    for prompt in (*examples.PROMPTS, *(words for _, words in examples.CLIPS.values())):
        yield prompt, "src/soundvcm/web/examples.py"


def classes(kinds: str) -> set[str]:
    """YAMNet's classes that are a right answer."""
    table = json.loads((ROOT / "tiny" / "bank" / "kinds.json").read_text(encoding="utf-8"))
    return {name for kind in kinds.split() for name in table[kind]["heard"]} - BROAD


def hits(pipeline: Pipeline, prompt: str, kinds: str, clip: str | None, seeds: int) -> int:
    """How many of so many takes are classified as what was asked for."""
    wanted = classes(kinds)
    features = pipeline.encode_clip(
        None if clip is None else CLIPS / f"{clip}.mp4", duration=None if clip else 4
    )
    count = 0
    for seed in range(seeds):
        take = pipeline.take(features, GenerateOptions(prompt=prompt), seed=seed)
        count += bool(wanted & set(classify(take.wave, take.sample_rate, count=3)))
    return count


def main() -> None:
    """Print a line for each prompt: takes that work, alone and with its clip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    pipeline = soundvcm.load("tiny", device="cpu")
    for prompt, (kinds, clip) in EXAMPLES.items():
        for shown_with in (None, clip) if clip else (None,):
            count = hits(pipeline, prompt, kinds, shown_with, given.seeds)
            print(
                f"{count:>2} of {given.seeds}  {prompt}" + (f" ({clip}.mp4)" if shown_with else ""),
                flush=True,
            )


if __name__ == "__main__":
    main()
