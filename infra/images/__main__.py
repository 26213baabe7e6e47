"""``make images``: pins the bases and builds every image."""

import os
import subprocess
import sys

from weir.distribution import installed_version
from weir.infra.images import (
    FOLDER,
    TARGETS,
    ImageError,
    all_bases,
    build_command,
    digest_by_docker,
    pinned,
    read_lock,
    run_docker,
)


def main() -> int:
    """Build the images as REGISTRY/NAME:VERSION; return the exit code."""
    registry = os.environ.get("REGISTRY", "").rstrip("/")
    version = installed_version()
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        commit = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - our own command
        wanted = all_bases()
        lock = read_lock(FOLDER / "bases.lock", wanted)
        if lock is None:
            lock = pinned(wanted, digest_by_docker)
            lines = [f"{name}={image}\n" for name, image in lock.items()]
            (FOLDER / "bases.lock").write_text("".join(lines), "utf-8")
        for image in TARGETS:
            tag = f"{registry}/{image}:{version}".lstrip("/")
            run_docker(*build_command(image, tag, lock, {"VERSION": version, "COMMIT": commit}))
            sys.stdout.write(f"{tag}\n")
    except (ImageError, OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
