"""The web doors: `hub.api.door` lets sources push their records in."""
