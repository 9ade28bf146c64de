"""Training of the embedded codec from the bank; the codec itself is in soundvcm.codec."""
