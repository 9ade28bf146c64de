"""Writing sound files and videos, whole or not at all; pictures are copied where the container holds them.

Knows what `read` and `audio` know, and the encoders. Its names are taken from `soundvcm.media`.
"""
