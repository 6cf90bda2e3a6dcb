"""A channel of the hub: inspections of service centres (督查巡查)."""
