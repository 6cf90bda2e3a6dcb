"""A channel of the hub: the citizens' hotline 12345 (12345热线)."""
