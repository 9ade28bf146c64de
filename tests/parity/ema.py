"""Post-hoc averages against edm2's and nitrous-ema's numbers (tests/golden/README.md, section 3.5)."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from parity.case import Case, Check
from soundvcm.training import ema


def numbers(case: Case) -> Iterator[Check]:
    """phema.json: widths, shares kept, inner products and weights of snapshots."""
    golden, limit = case.values(), case.limit("float64")
    widths = golden["sigma_rel"]
    yield Check("gamma", [ema.gamma_of(sigma) for sigma in widths], golden["gamma"], limit)
    yield Check("gamma, nitrous", [ema.gamma_of(sigma) for sigma in widths], golden["gamma_nitrous"], limit)
    yield Check(
        "sigma", [ema.sigma_of(gamma) for gamma in golden["gamma_in"]], golden["sigma_of_gamma"], limit
    )
    gammas, steps = [ema.gamma_of(sigma) for sigma in golden["beta_sigma"]], golden["beta_steps"]
    names: list[tuple[str, ema.Kind]] = [
        ("beta_edm2", "edm2"),
        ("beta_edm2_batch512_at_nimg_512n", "edm2"),
        ("beta_nitrous_after_n_updates", "nitrous"),
    ]
    for name, kind in names:
        found = [[ema.beta_at(n, gamma, kind) for n in steps] for gamma in gammas]
        yield Check(name, found, golden[name], limit)
    products = golden["inner_products"]
    ends, exponents = products["a_t"], [ema.gamma_of(sigma) for sigma in products["a_sigma"]]
    found = ema.profile_products(ends, exponents, ends, exponents)
    yield Check("inner products", found, products["matrix"], limit)
    for row in golden["reconstructions"]:
        limit = case.limit("many snapshots" if len(row["t"]) >= case.configuration["many"] else "float64")
        what = f"{len(row['t'])} snapshots to {row['sigma_target']} at {row['t_target']}"
        asked = (row["t"], row["sigma"], row["t_target"], row["sigma_target"])
        yield Check(f"{what}, edm2", ema.solve_weights(*asked), row["weights_edm2_normalised"], limit)
        raw = ema.solve_weights(*asked, kind="nitrous")
        yield Check(f"{what}, nitrous", raw, row["weights_unnormalised"], limit)
        yield Check(f"{what}, sum", raw.sum(), row["sum_unnormalised"], limit)


def example(case: Case) -> Iterator[Check]:
    """phema_example.npz: a walk, tracked, and rebuilt from snapshots at its end and before."""
    golden, limit = case.arrays(), case.limit("float64")
    times, widths = golden["times_tracked"].tolist(), golden["sigmas_tracked"].tolist()
    ends, of = golden["snapshot_t"].tolist(), golden["snapshot_sigma"].tolist()
    targets = list(zip(golden["target_t"].tolist(), golden["target_sigma"].tolist(), strict=True))
    facts = case.configuration
    walk = torch.from_numpy(golden["sequence"])

    found = tracked(walk, widths, "edm2")
    snapshots = torch.stack([found[sigma][t - 1] for t, sigma in zip(ends, of, strict=True)])
    yield Check(
        "edm2 tracked",
        [[found[s][t - 1].numpy() for t in times] for s in widths],
        golden["edm2_tracked"],
        limit,
    )
    yield Check("edm2 snapshots", snapshots, golden["edm2_snapshots"], limit)
    direct = [found[s][t - 1].numpy() for t, s in targets]
    yield Check("edm2 at the end", direct, golden["edm2_true_direct"], limit)
    rebuilt = [ema.solve_weights(ends, of, t, s) @ snapshots.numpy() for t, s in targets]
    yield Check("edm2 rebuilt", rebuilt, golden["edm2_reconstructed"], limit)
    for sigma in facts["responses"]:
        responses = tracked(torch.eye(len(walk), dtype=torch.float64), [sigma], "edm2")[sigma][-1]
        yield Check(f"response {sigma}", responses, golden[f"response_sigma_{sigma}"], limit)

    found = tracked(walk, facts["nitrous"], "nitrous")
    snapshots = torch.stack([found[sigma][t - 1] for t, sigma in zip(ends, of, strict=True)])
    both = [[found[s][t - 1].numpy() for t in times] for s in facts["nitrous"]]
    yield Check("nitrous tracked", both, golden["nitrous_tracked"], limit)
    rebuilt = [ema.solve_weights(ends, of, t, s, kind="nitrous") @ snapshots.numpy() for t, s in targets]
    yield Check("nitrous rebuilt", rebuilt, golden["nitrous_reconstructed"], limit)
    before = facts["early"]
    early = [ema.solve_weights(ends, of, before, s, kind="nitrous") @ snapshots.numpy() for _, s in targets]
    name = "nitrous_reconstructed_at_third_snapshot_using_all_snapshots"
    yield Check(f"nitrous rebuilt at {before} from all files", early, golden[name], limit)


def tracked(walk: torch.Tensor, widths: list[float], kind: ema.Kind) -> dict[float, list[torch.Tensor]]:
    """Average of every width after every update."""
    live = torch.zeros_like(walk[0])
    averages = ema.EmaProfiles({"w": live}, widths, kind)
    found: dict[float, list[torch.Tensor]] = {sigma: [] for sigma in widths}
    for value in walk:
        live.copy_(value)
        averages.update()
        for sigma in widths:
            found[sigma].append(averages.averages[sigma]["w"].clone())
    return found


RUNNERS = {"ema_numbers": numbers, "ema_example": example}
