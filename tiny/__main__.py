"""`python -m tiny COMMAND`: makes the embedded system in three steps; each goes on when it is run again.

    codec: bank => codec    scenes: bank, codec => feature store
    train: store => network, by `soundvcm train tiny`
    vocoder: bank => small vocoder of the paper's systems

Knows the command line of soundvcm. Files of a step are found by the next in one folder of runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from soundvcm.cli import main as command_line
from soundvcm.cli.terminal import in_words, say
from soundvcm.config import parse_overrides
from soundvcm.data.store import FeatureStore
from soundvcm.errors import nearest
from tiny.sounds.bank import BANK

if TYPE_CHECKING:
    from torch import nn

RUNS = Path("runs")


def codec(
    overrides: Annotated[tuple[str, ...], tyro.conf.Positional] = (),
    /,
    *,
    bank: Path = BANK,
    runs: Path = RUNS,
    run: Path | None = None,
    export: Path | None = None,
    widen: str | None = None,
) -> int:
    """Train the embedded codec from the bank.

    Args:
        overrides: fields of tiny.codec.training.CodecTrainingConfig, name=value.
        bank: folder of the Foley bank.
        runs: folder in which runs and stores are kept.
        run: folder of this run; default RUNS/tiny-codec.
        export: where to write the finished weights.
        widen: trained codec (a file, or tiny_codec) to take to twice its rate: its latents stay, others are
            added for the octave above, and the decoder learns on.
    """
    from soundvcm.systems.loading import saved_codec
    from tiny.codec.training import CodecTrainingConfig, latents_name, train_codec
    from tiny.sounds.bank import load_bank
    from tiny.sounds.snippets import Snippets

    narrow = saved_codec(widen) if widen else None
    recipe = CodecTrainingConfig.wider(narrow.config) if narrow else CodecTrainingConfig()
    config = recipe.change(parse_overrides(overrides))
    snippets = Snippets(load_bank(bank, config.codec.sample_rate), "train", config.seed)
    trained = train_codec(config, snippets, run or runs / "tiny-codec", _teller(config.steps), narrow)
    if export is not None:
        names = {"latents": latents_name(trained.state_dict())}
        _export(trained, export, config.codec.model_dump_json(), config.seed, names)
    return 0


def vocoder(
    overrides: Annotated[tuple[str, ...], tyro.conf.Positional] = (),
    /,
    *,
    bank: Path = BANK,
    runs: Path = RUNS,
    run: Path | None = None,
    export: Path | None = None,
) -> int:
    """Train a small vocoder for the paper's spectra from the bank: mode=16k (the default) or mode=44k.

    Args:
        overrides: fields of tiny.codec.vocoder.VocoderTrainingConfig, name=value.
        bank: folder of the Foley bank.
        runs: folder in which runs and stores are kept.
        run: folder of this run; default RUNS/vocoder-MODE.
        export: where to write the finished weights.
    """
    from tiny.codec.vocoder import VocoderTrainingConfig, train_vocoder

    config = VocoderTrainingConfig().change(parse_overrides(overrides))
    trained = train_vocoder(config, bank, run or runs / f"vocoder-{config.mode}", _teller(config.steps))
    if export is not None:
        _export(trained, export, config.network.model_dump_json(), config.seed)
    return 0


def _teller(steps: int) -> Callable[[int, dict[str, float]], None]:
    """Says how a training comes on."""

    def report(step: int, terms: dict[str, float]) -> None:
        values = " ".join(f"{name} {value:.3f}" for name, value in terms.items() if name != "seconds")
        say(f"step {step}/{steps} {values} {in_words(terms['seconds'])}")

    return report


def _export(
    trained: nn.Module, path: Path, config: str, seed: int, names: dict[str, str] | None = None
) -> None:
    """Write finished weights as float16, with what they are made from."""
    from soundvcm import weights

    facts = {"config": config, "licence": "MIT", "seed": str(seed), **(names or {})}
    facts |= {"data": "tiny/bank (CC0, CC-BY, MIT and own sounds; see CREDITS.md)"}
    facts |= {"command": " ".join(["python -m tiny", *sys.argv[1:]])}
    weights.save(path, {name: value.half() for name, value in trained.state_dict().items()}, facts)
    say(f"wrote {path}")


def scenes(
    *,
    bank: Path = BANK,
    runs: Path = RUNS,
    run: Path | None = None,
    codec: Path | None = None,
    scenes: int = 6000,
    workers: int = 2,
    pictures: int = 2,
) -> int:
    """Draw scenes with the sounds of the bank and make the feature store that the network is trained from.

    Args:
        bank: folder of the Foley bank.
        runs: folder in which runs and stores are kept.
        run: folder of the store; default RUNS/tiny-scenes.
        codec: codec to encode sound with; default the one in RUNS/tiny-codec, then the shipped one.
        scenes: training scenes to draw; a fortieth as many, and at least 64, are drawn for validation.
        workers: processes that draw.
        pictures: version of the picture encoder; 2 is that of the shipped network, 3 tells how sure it is.
    """
    from tiny.drawing import scene_store

    folder = run or runs / "tiny-scenes"
    codec = codec or trained_codec(runs)
    counts = {"train": scenes, "val": min(scenes, max(64, scenes // 40))}
    manifest = scene_store(bank, folder, codec if codec.exists() else None, counts, workers, pictures)
    say(f"{folder}: {manifest['clips']} scenes ({manifest['splits']}), {len(manifest['texts'])} captions")
    return 0


def train(words: Sequence[str]) -> None:
    """Train the network: `soundvcm train tiny WORDS` with the store and the codec of the steps before.

    All words of `soundvcm train` can be given; --store and --codec replace those of RUNS.
    """
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--runs", type=Path, default=RUNS)
    finder.add_argument("--store", nargs="*")
    finder.add_argument("--codec")
    found, _ = finder.parse_known_args(words)
    drawn = found.runs / "tiny-scenes"
    if not (found.store or drawn.is_dir() or {"-h", "--help"} & set(words)):
        at = "" if found.runs == RUNS else f" --runs {found.runs}"
        command_line.fail(f"{drawn} is not here: draw it with: python -m tiny scenes{at}", 2)
    more = [] if found.store else ["--store", str(drawn)]
    if drawn.is_dir() and not found.store and not any("network.latent_dim=" in word for word in words):
        words = [f"network.latent_dim={FeatureStore(drawn).widths['latents']}", *words]
    own = trained_codec(found.runs)
    more += ["--codec", str(own)] if found.codec is None and own.exists() else []
    command_line.main(["train", "tiny", *words, *more])


def trained_codec(runs: Path) -> Path:
    """Where `codec` leaves the weights that `scenes` and `train` take."""
    return runs / "tiny-codec" / "codec.safetensors"


COMMANDS: dict[str, Callable[..., int]] = {"codec": codec, "scenes": scenes, "vocoder": vocoder}


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; leaves through SystemExit with the exit codes of `soundvcm`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(__doc__)
        raise SystemExit(0 if words else 2)
    if words[0] == "train":
        train(words[1:])
    elif words[0] in COMMANDS:
        command = COMMANDS[words[0]]
        raise SystemExit(command_line.run(lambda: command, words[1:], f"python -m tiny {words[0]}"))
    names = (*COMMANDS, "train")
    command_line.fail(f"python -m tiny has no command {words[0]!r}{nearest(words[0], names)}", 2)


if __name__ == "__main__":
    main()
