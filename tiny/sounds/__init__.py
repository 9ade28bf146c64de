"""The Foley bank as labelled clips, their variations, and short mixtures of them for the codec."""
