"""Judge the escalated posts under their policies."""

from transforms.judge.step import JudgeContent, JudgeSettings

__all__ = ["JudgeContent", "JudgeSettings"]
