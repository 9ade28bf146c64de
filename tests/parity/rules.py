"""Part `rules`: the rules of weights and inputs give the listed seeds and values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from golden_rules import given_input, seed_of, weight

from parity.case import Case, Check


def run(case: Case) -> Iterator[Check]:
    """Seeds, first values and sums; the file carries the salt that it was made with."""
    facts = case.values()
    salt = facts["salt"]
    for kind, rule, prefix in (("weights", weight, ""), ("inputs", given_input, "input:")):
        for row in facts[kind]:
            name = row["key"] if kind == "weights" else row["name"]
            value = rule(name, tuple(row["shape"]), salt)
            yield Check(f"{name} seed", seed_of(prefix + name, salt), row["seed"], 0, "exact")
            first, total = value.ravel()[: len(row["first"])], float(value.astype(np.float64).sum())
            yield Check(f"{name} first", first, row["first"], case.limit("first"))
            yield Check(f"{name} sum", total, row["sum"], case.limit("sum"), "abs")


RUNNERS = {"rules": run}
