"""The pipeline: one step, one file; each ``run(...) -> Report``, safe to run again and beside itself."""
