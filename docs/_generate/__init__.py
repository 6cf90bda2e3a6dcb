"""Writes the generated parts of the documentation; called by cog from the pages themselves (`make docs`, `make docs-check`)."""
