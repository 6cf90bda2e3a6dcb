"""Pytest plugins of our own, loaded by the conftest at the root of the repository."""
