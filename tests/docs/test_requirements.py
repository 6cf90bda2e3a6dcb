"""Each requirement of a finished stage is named by a test, and no test names one that nobody asked for."""

from __future__ import annotations

from docs._generate.requirements import REQUIREMENTS, proofs, unproven

FINISHED = {1, 2, 3}


def test_every_requirement_of_a_finished_stage_is_named_by_a_test():
    assert unproven(FINISHED) == []


def test_no_test_names_a_requirement_that_nobody_asked_for():
    assert {proof.requirement for proof in proofs()} <= REQUIREMENTS.keys()


def test_all_requirements_are_listed_in_their_order():
    assert list(REQUIREMENTS) == [f"R{number}" for number in range(1, 80)]
