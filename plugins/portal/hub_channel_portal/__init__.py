"""A channel of the hub: the county's online service portal (线上政务服务网)."""
