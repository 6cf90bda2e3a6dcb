"""A channel of the hub: visits of leaders and supervision by other authorities (领导视察)."""
