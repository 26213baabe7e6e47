"""The file of a screen: an archive of arrays, checked before anything is made of it."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.errors import WeirError
from weir.policies import storage
from weir.transforms.text import features

FORMAT = 2
_MOST_HEADS = 256
# Of half-precision weights, and of all else; a file says of 1,000 times its size that it holds it.
_MOST_UNPACKED = (2 * _MOST_HEADS * features.BUCKETS) + (4 << 20)
_MOST_JSON = 1 << 20  # bytes
_LEVEL = 1  # 9 takes 50 times as long over weights, for a file smaller by a seventh
_JSON = ("certificates", "precision", "selectivity")


class ScreenError(WeirError, ValueError):
    """A screen cannot be used; the message says why and what to do."""


def read_archive(path: str, most: int, what: str, way_out: str) -> bytes:
    """Return the bytes of a file of at most ``most``; ScreenError with a way out where it cannot.

    ``what`` is what it holds, such as "screen".
    """
    try:
        return storage.read(path, most)
    except OSError as error:
        raise ScreenError(
            f"The {what} {path} cannot be read ({error.strerror or type(error).__name__}); "
            f"{way_out}."
        ) from error


@contextmanager
def unpacked(content: bytes, what: str, name: str) -> Iterator[Mapping[str, npt.NDArray[Any]]]:
    """Give the arrays of an archive; ScreenError for whatever is raised by what is made of them."""
    try:
        check_size(content, name)
        with np.load(io.BytesIO(content), allow_pickle=False) as entries:
            yield dict(entries)  # it unpacks an array whenever it is asked for
    except ScreenError:
        raise
    except Exception as error:  # a damaged file makes numpy and zipfile raise almost anything
        raise ScreenError(
            f"The {what} {name} is damaged ({type(error).__name__}); restore or train it again."
        ) from error


def json_of(arrays: Mapping[str, npt.NDArray[Any]], name: str) -> bytes:
    """Return the JSON that an array holds, an empty list where there is none."""
    return arrays[name].tobytes() if name in arrays else b"[]"


def check_size(content: bytes, name: str) -> None:
    """Raise ScreenError for an archive that unpacks to more than a screen can be."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        entries = packed.infolist()
    # The other kinds of compression take gigabytes if the file says so.
    plain = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
    if not {entry.compress_type for entry in entries} <= plain:
        raise ScreenError(f"The screen {name} is packed as no screen is; train it again.")
    if sum(entry.file_size for entry in entries) > _MOST_UNPACKED:
        raise ScreenError(
            f"The screen {name} unpacks to more than {_MOST_UNPACKED >> 20} MiB, the size of "
            f"{_MOST_HEADS} heads; restore or train it again."
        )


def check_format(arrays: Mapping[str, npt.NDArray[Any]], name: str) -> None:
    """Raise ScreenError unless the arrays are of the kinds that ``Screen.of`` writes.

    They are looked at before anything is made of them: as Python's own, some would fill the memory.
    """
    form = (int(arrays["format"]), int(arrays["features"]))
    if form != (FORMAT, features.VERSION):
        raise ScreenError(
            f"The screen {name} has format {form[0]} with features {form[1]}, this program reads "
            f"{FORMAT} with {features.VERSION}; train it again."
        )
    heads = arrays["policy_ids"].shape
    kinds = {
        "policy_ids": ("U", heads),
        "weights": ("f", (*heads, features.BUCKETS)),
        "scale": ("f", (features.BUCKETS,)),
        "bias": ("f", heads),
        "thresholds": ("f", heads),
    }
    if (
        len(heads) != 1
        or heads[0] > _MOST_HEADS
        or any(
            (arrays[array].dtype.kind, arrays[array].shape) != kind for array, kind in kinds.items()
        )
    ):
        raise ScreenError(
            f"The screen {name} has arrays whose shapes do not belong together; restore or train "
            "it again."
        )
    for array in _JSON:
        if array in arrays and arrays[array].nbytes > _MOST_JSON:
            raise ScreenError(f"The screen {name} has too much in its {array}; train it again.")


def archive(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return an .npz whose bytes depend on the arrays alone; numpy's own carry the time."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as entries:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entries.writestr(entry, content.getvalue(), compresslevel=_LEVEL)
    return packed.getvalue()
