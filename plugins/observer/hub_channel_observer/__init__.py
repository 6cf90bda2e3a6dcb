"""A channel of the hub: social observers (社会监督员)."""
