"""Training: loop, checkpoints, averages, the embedded codec. The front door."""
