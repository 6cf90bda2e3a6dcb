"""What the hub talks about: frozen models, code lists and pure functions; no I/O."""
