"""Weights files of the networks that only score sound, a row for each.

Knows no folders and no network.
"""

from __future__ import annotations

from soundvcm.weights.bundled import Part, Source

# Networks that only score sound. None of these files was ever loaded here: keys and shapes are those of the
# publishers' code, so a file that is not what it says is refused by its shapes.
SCORING = (
    Part(
        name="vggish",
        file="vggish-10086976.pth",
        about="VGGish: the score FD_VGG",
        licence="Apache-2.0",
        may="use it for anything, keep the notice",
        link="https://github.com/harritaylor/torchvggish",
        about_bytes=288_000_000,
        sources=(Source("github", "harritaylor/torchvggish", "vggish-10086976.pth", revision="v0.1"),),
    ),
    Part(
        name="panns_cnn14_16k",
        file="Cnn14_16k_mAP=0.438.pth",
        about="PANNs Cnn14, 16 kHz: the scores FD_PANNs, KL_PANNs, IS_PANNs",
        licence="CC-BY-4.0",
        may="use it for anything with credit",
        link="https://zenodo.org/records/3987831",
        about_bytes=327_000_000,
        sources=(Source("zenodo", "3987831", "Cnn14_16k_mAP=0.438.pth"),),
    ),
    Part(
        name="passt_s_swa",
        file="passt-s-f128-p16-s10-ap.476-swa.pt",
        about="PaSST: the scores FD_PaSST, KL_PaSST, IS_PaSST",
        licence="Apache-2.0",
        may="use it for anything, keep the notice",
        link="https://github.com/kkoutini/PaSST",
        about_bytes=345_000_000,
        sources=(
            Source(
                "github", "kkoutini/PaSST", "passt-s-f128-p16-s10-ap.476-swa.pt", revision="v0.0.1-audioset"
            ),
        ),
    ),
    Part(
        name="imagebind_huge",
        file="imagebind_huge.pth",
        about="ImageBind huge: the score IB",
        licence="CC-BY-NC-SA-4.0",
        may="use and change it with credit, not commercially, results under the same licence",
        link="https://github.com/facebookresearch/ImageBind",
        non_commercial=True,
        about_bytes=4_800_000_000,
        sources=(Source("meta", "imagebind", "imagebind_huge.pth"),),
    ),
    Part(
        name="clap_htsat_base",
        file="music_speech_audioset_epoch_15_esc_89.98.pt",
        about="LAION CLAP, HTS-AT base on music, speech and AudioSet: the score CLAP",
        licence="CC0-1.0",
        may="use it for anything",
        link="https://huggingface.co/lukewys/laion_clap",
        about_bytes=2_350_000_000,
        sources=(Source("hub", "lukewys/laion_clap", "music_speech_audioset_epoch_15_esc_89.98.pt"),),
    ),
    Part(
        name="clap_630k_audioset",
        file="630k-audioset-best.pt",
        about="LAION CLAP, HTS-AT tiny on 630k sounds and AudioSet: the score CLAP_630k",
        licence="CC0-1.0",
        may="use it for anything",
        link="https://huggingface.co/lukewys/laion_clap",
        about_bytes=1_860_000_000,
        sources=(Source("hub", "lukewys/laion_clap", "630k-audioset-best.pt"),),
    ),
    Part(
        name="roberta_tokenizer",
        file="roberta-base-tokenizer.json",
        about="tokenizer of RoBERTa base: words for both CLAP scores",
        licence="MIT",
        may="use it for anything, keep the notice",
        link="https://huggingface.co/FacebookAI/roberta-base",
        about_bytes=1_360_000,
        sources=(Source("hub", "FacebookAI/roberta-base", "tokenizer.json"),),
    ),
)
