"""A channel of the hub: the complaint mailbox (投诉信箱)."""
