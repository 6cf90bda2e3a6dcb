"""`hub doctor`: looks at everything that a hub stands on, and says in each case what was found and what to do.

It changes nothing: it makes no database, no keys, no partition. A private server that is there and stopped is started for the
look, as any other command would.
"""

from hub.runtime.doctor.examine import Examination, examine
from hub.runtime.doctor.findings import Finding, State

__all__ = ["Examination", "Finding", "State", "examine"]
