"""A trained network on the model hub: `HubModel`, by the hub's own mixin.

    HubModel.of("mine.safetensors").push_to_hub("me/my-sounds")     # the file and a model card made from it
    pipeline = soundvcm.load(HubModel.from_pretrained("me/my-sounds").file)    # or a local folder

What is stored is the network file itself, whose header says configuration, sampling, data and licence. Needs
the extra `paper` (huggingface_hub). Knows files and headers, no network.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelHubMixin, snapshot_download

from soundvcm.errors import WeightsError
from soundvcm.weights.files import header

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
import soundvcm
from soundvcm.weights.hub import HubModel

pipeline = soundvcm.load(HubModel.from_pretrained("{repo_id}").file)
pipeline.generate("clip.mp4", prompt="{prompt}").mux("clip.mp4", "clip.sound.mp4")
```

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
        self.file = str(file)

    @classmethod
    def of(cls, file: str | Path) -> HubModel:
        """A network file that `soundvcm train`, `finetune`, `average` or `adopt` wrote.

        Raises:
            WeightsError: if it is not one.
        """
        if "config" not in header(Path(file)):
            raise WeightsError(f"{file}: its header holds no configuration: it is no SoundVCM network")
        return cls(str(file))

    def _save_pretrained(self, save_directory: Path) -> None:
        if Path(self.file).resolve() != (save_directory / FILE).resolve():
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
        facts = header(Path(self.file))
        two_times = json.loads(facts["config"]).get("second_time", "offset") != "none"
        data = self._hub_mixin_info.model_card_data
        data.license = LICENCES.get(facts.get("licence", ""), "other")
        text = _CARD.format(
            name=Path(self.file).stem,
            calls="one network call" if two_times else "25 steps",
            prompt="rain on a tin roof",
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
