"""The embedded encoders of `tiny`: motion (a measurement), words (a table), pictures (EfficientNet-Lite0)."""
