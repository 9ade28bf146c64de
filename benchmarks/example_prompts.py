"""Which example prompts work: text-only sounds over ten seeds, counted where YAMNet hears what was asked for.

    python benchmarks/example_prompts.py --seeds 10

A take counts if one of the prompt's classes is among YAMNet's five likeliest (of 521).
"""

from __future__ import annotations

import argparse

import soundvcm
from soundvcm.evaluation import classify

#: prompt => classes of YAMNet that are what was asked for
PROMPTS = {
    "rain on a tin roof": ("Rain", "Raindrop", "Rain on surface", "Water"),
    "a dog barks": ("Dog", "Bark", "Yip", "Bow-wow", "Domestic animals, pets", "Animal"),
    "a bell rings": ("Bell", "Church bell", "Jingle bell", "Bicycle bell", "Chime", "Tubular bells"),
    "an engine runs": (
        "Engine",
        "Vehicle",
        "Car",
        "Motor vehicle (road)",
        "Idling",
        "Medium engine (mid frequency)",
    ),
    "a helicopter flies": ("Helicopter", "Aircraft", "Propeller, airscrew", "Fixed-wing aircraft, airplane"),
    "thunder": ("Thunder", "Thunderstorm"),
    "applause": ("Applause", "Clapping", "Crowd"),
    "birds sing": ("Bird", "Bird vocalization, bird call, bird song", "Chirp, tweet", "Wild animals"),
    "a fire crackles": ("Fire", "Crackle"),
    "a ball bounces on wood": ("Basketball bounce", "Thump, thud", "Wood", "Knock", "Bouncing"),
    "a hammer hits wood": ("Hammer", "Tap", "Knock", "Wood", "Chop", "Tools", "Thump, thud"),
    "a clock ticks": ("Clock", "Tick", "Tick-tock"),
    "waves on a beach": ("Waves, surf", "Ocean", "Water", "Stream", "Wind"),
    "footsteps on gravel": ("Walk, footsteps", "Run", "Crunch"),
    "wind": ("Wind", "Wind noise (microphone)", "Rustling leaves"),
    "a train passes": ("Train", "Rail transport", "Railroad car, train wagon", "Train wheels squealing"),
}


def main() -> None:
    """Print a line for each prompt, the best first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--steps", type=int, default=None)
    given = parser.parse_args()
    pipeline = soundvcm.load("tiny", device="cpu")
    counts = {}
    for prompt, wanted in PROMPTS.items():
        hits = 0
        for seed in range(given.seeds):
            take = pipeline.generate(prompt=prompt, duration=given.seconds, seed=seed, num_steps=given.steps)
            hits += bool(set(wanted) & set(classify(take.wave, take.sample_rate, count=5)))
        counts[prompt] = hits
    for prompt, hits in sorted(counts.items(), key=lambda entry: -entry[1]):
        print(f"{hits:>2} of {given.seeds}  {prompt}")


if __name__ == "__main__":
    main()
