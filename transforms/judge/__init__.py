"""Judge the escalated posts under their policies."""

from weir.transforms.judge.step import JudgeContent, JudgeSettings

__all__ = ["JudgeContent", "JudgeSettings"]
