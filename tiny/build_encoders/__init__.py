"""How the shipped encoder weights were made, from packages anyone can fetch (run as modules)."""
