"""What happens in the simulated county, written down as each of its sources would; one file a channel, pure. Source: domain.md §7."""
