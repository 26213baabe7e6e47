"""The images, and what builds them of bases that are pinned by digest.

``python -m weir.infra.images`` (``make images``) asks each base's registry for the digest of the
version that the Dockerfiles name, keeps the answers in bases.lock, and builds. With a bases.lock
there it asks nothing. It needs docker with buildx; nothing here was pulled by whoever wrote it.
"""

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from weir.errors import WeirError

FOLDER = Path(__file__).parent
TARGETS = {  # of an image's name, its Dockerfile and the target in it
    "weir": ("cpu.Dockerfile", "cpu"),
    "weir-template": ("cpu.Dockerfile", "template"),
    "weir-judge": ("judge.Dockerfile", ""),
}
_BASE = re.compile(r"^ARG (?P<name>[A-Z_]+)=(?P<image>\S+:\S+)$", re.MULTILINE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class ImageError(WeirError, RuntimeError):
    """An image cannot be built; the message says why."""


def bases(dockerfile: str) -> dict[str, str]:
    """Return the images that a Dockerfile is built on, by the argument that names each."""
    return {found["name"]: found["image"] for found in _BASE.finditer(dockerfile)}


def all_bases() -> dict[str, str]:
    """Return the bases of every Dockerfile; ImageError where two mean different ones by a name."""
    found: dict[str, str] = {}
    for file in sorted(FOLDER.glob("*.Dockerfile")):
        for name, image in bases(file.read_text("utf-8")).items():
            if found.setdefault(name, image) != image:
                raise ImageError(f"{file.name} has another {name} than the others: {image}")
    return found


def pinned(images: Mapping[str, str], digest_of: Callable[[str], str]) -> dict[str, str]:
    """Return the images with the digest of each; ImageError where an answer is no digest."""
    found = {}
    for name, image in images.items():
        digest = digest_of(image).strip()
        if not _DIGEST.fullmatch(digest):
            raise ImageError(f"{image}: its registry gave no digest")
        found[name] = f"{image}@{digest}"
    return found


def read_lock(file: Path, images: Mapping[str, str]) -> dict[str, str] | None:
    """Return what a lock says of these images; None where it lacks one, or has another version."""
    if not file.exists():
        return None
    pairs = (line.partition("=")[::2] for line in file.read_text("utf-8").splitlines())
    said = {name: image for name, image in pairs if name in images}
    same = {name: image.partition("@")[0] for name, image in said.items()} == dict(images)
    return said if same else None


def digest_by_docker(image: str) -> str:
    """Ask a registry for an image's digest; ImageError where docker cannot."""
    return run_docker("buildx", "imagetools", "inspect", image, "--format={{.Manifest.Digest}}")


def build_command(
    image: str, tag: str, lock: Mapping[str, str], said: Mapping[str, str]
) -> list[str]:
    """Return docker's arguments that build an image; ``said`` are VERSION and COMMIT."""
    file, target = TARGETS[image]
    wanted = bases((FOLDER / file).read_text("utf-8")) | dict(said)
    values = {name: lock.get(name, value) for name, value in wanted.items()}
    return [
        "build",
        f"--file=infra/images/{file}",
        *([f"--target={target}"] if target else []),
        *(f"--build-arg={name}={value}" for name, value in values.items()),
        f"--tag={tag}",
        ".",
    ]


def run_docker(*arguments: str) -> str:
    """Run docker and return what it prints; ImageError where it fails or is not there."""
    try:
        done = subprocess.run(  # noqa: S603 - our own command, without a shell
            ["docker", *arguments],  # noqa: S607 - whichever is on PATH
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    except OSError as error:
        raise ImageError(f"docker cannot be started: {error.strerror}") from error
    if done.returncode:
        raise ImageError(f"docker {arguments[0]} failed with exit code {done.returncode}")
    return done.stdout
