"""The screen: a linear model that clears most posts, so that few have to be judged."""

from transforms.screen.model import STARTER, Screen, ScreenError, ScreenSource
from transforms.screen.route import ScreenSettings
from transforms.screen.step import ScreenContent

__all__ = ["STARTER", "Screen", "ScreenContent", "ScreenError", "ScreenSettings", "ScreenSource"]
