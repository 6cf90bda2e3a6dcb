"""The two version numbers that the hub tells others."""

__version__ = "0.1.0"

# What a plugin declares its range against; it moves with hub.sdk, not with each release of the hub.
SDK_VERSION = "1.0"
