"""What every room stands on: front doors that import late, and files that are written whole or not at all."""
