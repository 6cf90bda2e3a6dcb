"""Readers of the kinds of sources that channels are built on; each is imported where it is used."""
