"""The hub's own plugin, through the same hooks as everybody's: rules, the webhook notifier."""
