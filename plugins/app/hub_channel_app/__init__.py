"""The channel of the county's mobile app and mini-programs."""
