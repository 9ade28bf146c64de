"""How the embedded system is made: bank, drawn scenes, codec, scores. Part of a checkout, not of the package.

It imports soundvcm; soundvcm never imports it. Run its commands from the top of the checkout: python -m tiny
"""
