"""Statistics of counts: what was to be expected, what is too many, and where it lies together in space and time.

A pure layer: no I/O, no clock, no store. All of it needs numpy (and scipy's distributions), so whoever needs none of
it imports none of it: import these modules inside the function that judges, never at the top of a command.
"""
