"""Reading what people have: pictures by exact time, sound by exact time, and the facts of a file.

Knows files, containers and decoders; writes nothing. Its names are taken from `soundvcm.media`.
"""
