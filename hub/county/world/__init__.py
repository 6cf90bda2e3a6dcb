"""The simulated county as it lives: people, places, troubles and what comes of them. Pure and seeded; no I/O, no rule's threshold."""
