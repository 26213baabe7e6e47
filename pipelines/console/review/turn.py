"""Where a reviewer is in a queue: what comes next, and how they want to see it."""

from collections.abc import Mapping
from dataclasses import dataclass

from weir.pipelines.console.reference import Reference, joined, parse_all
from weir.pipelines.console.review.queues import Asked, Batch
from weir.pipelines.console.visit import Visit


@dataclass(frozen=True)
class Turn:
    """A place in a queue, as addresses and forms hold it: nothing of it is kept in a process.

    ``rest`` is what comes after the post that is shown, ``last`` what was decided just before it.
    """

    asked: Asked
    rest: Batch
    last: Reference | None = None
    blurred: bool = True

    @classmethod
    def of_address(cls, visit: Visit, rest: Batch | None = None) -> "Turn":
        """Return what an address says, or with posts that were just looked up; RefusedError."""
        last = visit.query.get("last")
        return cls(
            Asked.of(visit),
            rest or _rest(visit.query),
            Reference.parse(last) if last else None,
            visit.query.get("blur") != "0",  # there unless somebody took it away
        )

    @classmethod
    def of_form(cls, visit: Visit) -> "Turn":
        """Return what the form of a page says; RefusedError."""
        return cls(Asked.of(visit), _rest(visit.form), blurred="blur" in visit.form)

    @property
    def then(self) -> str:
        """Return what comes next, as addresses and forms have it."""
        return joined(self.rest.references)

    def on(self, last: Reference | None) -> str:
        """Return the address of what comes next, which tells what became of the last post."""
        shown = {"last": str(last) if last else None, "blur": self._blur}
        if not self.rest.references:
            return self.asked.to("/review", after=self.rest.after, **shown)
        first, *others = self.rest.references
        return self._at(first, joined(others), **shown)

    def back_to(self, reference: Reference) -> str:
        """Return the address of a post, behind which the turn goes on as before."""
        return self._at(reference, self.then, blur=self._blur)

    @property
    def _blur(self) -> str | None:
        return None if self.blurred else "0"

    def _at(self, reference: Reference, then: str, **shown: str | None) -> str:
        after = self.rest.after
        return self.asked.to("/review/post", post=str(reference), then=then, after=after, **shown)


def _rest(said: Mapping[str, str]) -> Batch:
    return Batch(parse_all(said.get("then", "")), said.get("after", ""))
