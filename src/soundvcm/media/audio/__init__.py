"""Samples in memory: level, loudness, limiter, sample rate and channels. Knows arrays; no files.

Its names are taken from `soundvcm.media`.
"""
