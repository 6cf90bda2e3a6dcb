"""The simulated county: sources in their native formats, on loopback, from PyPI and our own code alone."""
