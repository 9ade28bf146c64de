"""A trained network on the model hub: `HubModel`, by the hub's own mixin.

    HubModel.of("mine.safetensors").push_to_hub("me/my-sounds")     # the file and a model card made from it
    pipeline = HubModel.from_pretrained("me/my-sounds").load()       # or a local folder

What is stored is the network file itself, whose header says configuration, sampling, data and licence. A
network is asked for by the caller, so this is the second place, beside `weights`, from which the hub's client
may connect. Needs the extra `paper` (huggingface_hub).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import ModelCard, ModelHubMixin, snapshot_download

from soundvcm import weights
from soundvcm.errors import WeightsError
from soundvcm.systems.catalog import saved_config, stack_of

if TYPE_CHECKING:
    from soundvcm.generate.pipeline import Pipeline

FILE = "network.safetensors"
LICENCES = {
    "MIT": "mit",
    "Apache-2.0": "apache-2.0",
    "CC-BY-4.0": "cc-by-4.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
}
_CARD = """---
{card_data}
---

# {name}

A SoundVCM network: sound for silent video, or from a prompt, in {calls}.

```python
from soundvcm.systems.hub import HubModel

pipeline = HubModel.from_pretrained("{repo_id}").load()
pipeline.generate("clip.mp4", prompt="{prompt}").mux("clip.mp4", "clip.sound.mp4")
```

- stack: {stack}
- licence of the weights: {licence}
- trained on: {data}
"""


class HubModel(
    ModelHubMixin,
    library_name="soundvcm",
    tags=["video-to-audio", "text-to-audio", "foley", "velocity-consistency"],
    pipeline_tag="text-to-audio",
):
    """One network file, as the hub's mixin wants it: save_pretrained, push_to_hub, from_pretrained."""

    def __init__(self, file: str) -> None:
        self.file = Path(file)

    @classmethod
    def of(cls, file: str | Path) -> HubModel:
        """A network file that `soundvcm train`, `finetune`, `average` or `adopt` wrote.

        Raises:
            WeightsError: if it is not one.
        """
        saved_config(file, weights.header(Path(file)))
        return cls(str(file))

    def load(self, **options: Any) -> Pipeline:
        """The system around this network; options as for `soundvcm.load`."""
        from soundvcm.systems.loading import load

        return load(str(self.file), **options)

    def _save_pretrained(self, save_directory: Path) -> None:
        if save_directory.resolve() != self.file.resolve().parent or self.file.name != FILE:
            shutil.copyfile(self.file, save_directory / FILE)

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        **_: Any,
    ) -> HubModel:
        folder = Path(model_id)
        if not folder.is_dir():
            folder = Path(
                snapshot_download(
                    model_id,
                    revision=revision,
                    cache_dir=cache_dir,
                    force_download=force_download,
                    local_files_only=local_files_only,
                    token=token,
                    allow_patterns=[FILE],
                )
            )
        if not (folder / FILE).is_file():
            raise WeightsError(f"{model_id} holds no {FILE}: it is no SoundVCM network")
        return cls.of(folder / FILE)

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """The card, with what the file's header says."""
        facts = weights.header(self.file)
        config = saved_config(self.file, facts)
        data = self._hub_mixin_info.model_card_data
        data.license = LICENCES.get(facts.get("licence", ""), "other")
        text = _CARD.format(
            name=self.file.stem,
            calls="one network call" if config.two_time else "25 steps",
            prompt="rain on a tin roof",
            stack={"embedded": "tiny's encoders and codec", None: "of its own"}.get(
                stack_of(config), "MMAudio's"
            ),
            licence=facts.get("licence", "not said"),
            data=_named_data(facts.get("data", "")),
            repo_id=kwargs.get("repo_id") or "OWNER/NAME",
            card_data=data.to_yaml(),
        )
        return ModelCard(text)


def _named_data(text: str) -> str:
    """What a header says of the training data, in one line: its texts, without statistics."""
    try:
        values = json.loads(text)
    except ValueError:
        values = text
    told = values.values() if isinstance(values, dict) else [values]
    return "; ".join(value for value in told if isinstance(value, str) and value) or "not said"
