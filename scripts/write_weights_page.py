"""Write WEIGHTS.md from the tables in soundvcm.weights; run it after adding a row.

usage: python scripts/write_weights_page.py
"""

from pathlib import Path

from soundvcm import weights

PAGE = Path(__file__).resolve().parent.parent / "WEIGHTS.md"
INTRODUCTION = """# Weights and licences

<!-- written by scripts/write_weights_page.py: change the tables in src/soundvcm/weights, then run it -->

Our code is MIT. What it loads is not all free for every use: this page and `soundvcm licenses` say the
same, and a test (`tests/cases/test_44_licences_of_parts.py`) fails when a file inside the package has no row
or when this page is out of date.

**In short.** {sentence}

Facts in plain words, collected from stored copies of the publishers' pages in November 2026; not legal
advice. Sizes and hashes come from there too: no public weights could be downloaded where the project
was built, so none have been run here yet. What holds without them is in `tests/golden` (numbers of the
reference on rule-made weights).
"""
FETCHING = """
`soundvcm weights fetch NAME` (or `--system mmaudio_small_16k` for everything a system needs) resumes
after a break, compares the hash and renames into place. Without a network: put the files in any folder
and run `soundvcm weights import FOLDER`. `soundvcm weights where` prints the folder
($SOUNDVCM_HOME/weights if that is set). SOUNDVCM_MIRROR=URL fetches every file from URL/FILE,
HF_ENDPOINT=URL replaces the model hub, HF_HUB_OFFLINE=1 refuses at once. PyTorch files are read without
running anything in them.
"""
CONSEQUENCES = """
## What follows
* A network trained with our code on features of these encoders and latents of these VAEs is bound to
  non-commercial use by those parts, although the code is MIT.
* The magnitude-preserving operations of the VAE are written from the equations of EDM2 (Karras et al.
  2024), BigVGAN and Synchformer from their papers and the published shapes; no code of theirs is in
  this repository.
* `tiny` is trained on recordings under CC0 and CC-BY, on renders of MIT soundfonts and on synthesis of
  our own; the credits are in `tiny/bank/CREDITS.md`.
"""
TITLES = {"metric": "Networks of the scores", "data": "Training sets of the public weights", "code": "Code"}


def restricted(licence: str, non_commercial: bool) -> str:
    return f"**non-commercial** {licence}" if non_commercial else licence


def bundled_table() -> list[str]:
    rows = ["## Inside the package", "| part | file | licence | you may |", "|---|---|---|---|"]
    for row in weights.parts():
        if row.bundled:
            part = f"[{row.name}]({row.link}): {row.about}"
            rows.append(f"| {part} | `{row.file}` | {row.licence} | {row.may} |")
    return rows


def fetched_table() -> list[str]:
    rows = [
        "\n## Fetched on request" + FETCHING,
        "| name | file | bytes | SHA-256 | licence | you may |",
        "|---|---|---|---|---|---|",
    ]
    for row in weights.parts():
        if not row.bundled:
            size = f"{row.bytes:,}" if row.bytes else f"about {row.about_bytes:,}"
            licence = restricted(row.licence, row.non_commercial)
            part = f"[{row.name}]({row.link}): {row.about}"
            digest = f"`{row.sha256}`" if row.sha256 else "not published"
            rows.append(f"| {part} | `{row.file}` | {size} | {digest} | {licence} | {row.may} |")
    return rows


def other_tables() -> list[str]:
    rows = []
    for kind, title in TITLES.items():
        rows += [f"\n## {title}", "| part | licence | you may |", "|---|---|---|"]
        for row in weights.licences():
            if row.kind == kind:
                licence = restricted(row.licence, row.non_commercial)
                rows.append(f"| [{row.name}]({row.link}) | {licence} | {row.may} |")
    return rows


def page() -> str:
    start = INTRODUCTION.format(sentence=weights.OUTPUT_SENTENCE)
    return "\n".join([start, *bundled_table(), *fetched_table(), *other_tables()]) + "\n" + CONSEQUENCES


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
