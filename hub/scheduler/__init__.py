"""The built-in scheduler: loops in threads for `hub serve`, one full pass for `hub demo` and the tests."""

from hub.scheduler.loops import Scheduler
from hub.scheduler.once import run_once

__all__ = ["Scheduler", "run_once"]
