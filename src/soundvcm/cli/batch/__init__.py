"""`soundvcm generate` for many clips: which ones, loading ahead, the work, the report, a cluster."""
