"""A channel of the hub: the window for what could not be got done (办不成事窗口)."""
