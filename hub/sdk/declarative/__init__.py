"""Sources that need no code: a file in YAML names a reader and says what each field of a demand is read from.

No expression language: what a mapping cannot say is said in Python, in a channel of its own. What may stand in the file: `document`; from a file to a
channel: `read.read_source`, `channel.channel_of`. Nothing is imported here, for every process of the hub asks `files`, and few need the rest.
"""
