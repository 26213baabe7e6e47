"""What the options of a job come to, checked against what they name before anything starts."""

from weir.pipelines.settings.moderation import ModerationSettings

__all__ = ["ModerationSettings"]
