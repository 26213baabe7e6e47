"""The screen: a linear model that clears most posts, so that few have to be judged."""

from weir.transforms.screen.archive import ScreenError
from weir.transforms.screen.model import STARTER, Screen, ScreenSource
from weir.transforms.screen.route import ScreenSettings
from weir.transforms.screen.step import ScreenContent

__all__ = ["STARTER", "Screen", "ScreenContent", "ScreenError", "ScreenSettings", "ScreenSource"]
