"""What a worker holds for as long as it lives is not to be searched for garbage again and again.

Beam, its clients and a screen are 300,000 objects. Python looks through all of them every ten
seconds or so, for a quarter of a second in which nothing else runs: measured on Prism at 1,000
posts a second, that was most of what made one flag in a hundred late.
"""

import gc
from functools import cache


@cache
def freeze_objects(step: str) -> None:  # noqa: ARG001 - remembered by it
    """Leave all there is now out of the search: once a process for each step, after its setup.

    Not more often: what is garbage by the next time would be kept too.
    """
    gc.collect()
    gc.freeze()
