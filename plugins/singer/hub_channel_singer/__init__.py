"""A channel of the hub: whatever a Singer tap reads."""
