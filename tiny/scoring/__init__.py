"""How good sounds made for drawn test scenes are: right moment, right kind, right manner."""
