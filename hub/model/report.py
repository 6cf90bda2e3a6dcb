"""What every pipeline step answers: counts that reconcile."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Counts(BaseModel):
    """Counts of collected records; ``collected`` is always the sum of the four others (P3)."""

    model_config = ConfigDict(frozen=True)

    collected: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    pending: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            collected=self.collected + other.collected,
            stored=self.stored + other.stored,
            duplicate=self.duplicate + other.duplicate,
            quarantined=self.quarantined + other.quarantined,
            pending=self.pending + other.pending,
        )

    def reconciles(self) -> bool:
        """Whether collected equals stored + duplicate + quarantined + pending."""
        return self.collected == self.stored + self.duplicate + self.quarantined + self.pending


class Problem(BaseModel):
    """One thing that went wrong in a step, without stopping the others."""

    model_config = ConfigDict(frozen=True)

    where: str
    code: str
    message: str


class Report(BaseModel):
    """What one call of one pipeline step did.

    ``counts`` hold what the step counts (``signals``, ``warnings``, ``orders``, ``delivered`` …); ``records`` hold
    the four outcomes where the step handles records.
    """

    model_config = ConfigDict(frozen=True)

    step: str
    subject: str | None = None
    run_id: int | None = None
    records: Counts = Counts()
    counts: dict[str, int] = Field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    pages: int = 0
    position: object | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing went wrong."""
        return not self.problems
