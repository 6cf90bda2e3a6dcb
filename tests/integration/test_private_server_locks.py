"""Locks between processes are waited for with a limit, and a wait that was given up takes nothing later."""

import fcntl
import os
import threading

import pytest

from hub.store.private import locks


@pytest.fixture
def descriptors(tmp_path):
    opened = [os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(3)]
    yield opened
    for fd in opened:
        os.close(fd)


def test_waiter_gets_the_lock_when_its_holder_lets_go(descriptors):
    holder, waiter, _ = descriptors
    assert locks.acquire(holder, timeout_s=0)
    threading.Timer(0.05, fcntl.flock, (holder, fcntl.LOCK_UN)).start()
    assert locks.acquire(waiter, timeout_s=60)


def test_wait_that_was_given_up_takes_nothing_later(descriptors):
    holder, waiter, other = descriptors
    assert locks.acquire(holder, timeout_s=0)
    assert not locks.acquire(waiter, timeout_s=0.05)
    fcntl.flock(holder, fcntl.LOCK_UN)
    for thread in threading.enumerate():
        if thread.name == "hub-lock":
            thread.join(60)
    assert locks.acquire(other, timeout_s=0)


def test_many_hold_it_shared_and_none_of_them_alone(descriptors):
    first, second, third = descriptors
    assert locks.acquire(first, shared=True, timeout_s=0)
    assert locks.acquire(second, shared=True, timeout_s=0)
    assert not locks.acquire(third, timeout_s=0)
