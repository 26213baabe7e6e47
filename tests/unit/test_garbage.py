import sys
from subprocess import run

_CHILD = """
import gc, weakref
from weir.transforms.process.garbage import freeze_objects

class Node:
    pass

held = [Node() for _ in range(1000)]
freeze_objects("screen")
first = gc.get_freeze_count()
freeze_objects("screen")
assert gc.get_freeze_count() == first >= 1000
assert not any(isinstance(each, Node) for each in gc.get_objects())

died = weakref.ref(held.pop())
assert died() is None

ring = Node()
ring.itself, died = ring, weakref.ref(ring)
del ring
gc.collect()
assert died() is None
"""


def test_what_a_step_holds_is_searched_for_garbage_no_more_and_what_comes_later_is():
    run([sys.executable, "-c", _CHILD], check=True)
