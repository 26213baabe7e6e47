"""A cold start: what is done for a policy that the screen has no head for."""

from dataclasses import dataclass

from weir.pipelines.errors import OptionError
from weir.transforms.screen.cold.fit import ColdSettings


@dataclass(frozen=True)
class ColdStart:
    """A cold start that was asked for."""

    settings: ColdSettings
    encoder: bool

    @classmethod
    def of(cls, share: float, audit_rate: float, encoder: str) -> "ColdStart":
        """Return a cold start from a share of the posts and what the encoder does; OptionError."""
        try:
            settings = ColdSettings(share, audit_rate, reranks=encoder == "rerank")
        except ValueError as error:
            raise OptionError(f"A cold start is not possible: {error}") from error
        return cls(settings, encoder != "off")
