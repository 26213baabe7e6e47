"""From the text of .proto files to message classes: by protoc, in a process and a folder apart."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from weir.distribution import install_command
from weir.errors import WeirError

ROOT = "weir_schema.proto"  # what the schema itself is called among the files
_WITH_IMPORTS = "--" + "include_imports"  # an option of protoc's, which has them so
_SECONDS = 30.0  # a schema takes a tenth of one
_MOST_DESCRIPTORS = 16 << 20


class ProtoError(ValueError):
    """A schema is no Protobuf schema; the message says why, in a few words."""


class NoCompilerError(WeirError, ValueError):
    """There is no protoc; the message names the extra that has it."""


def require_compiler() -> None:
    """Raise NoCompilerError where .proto files cannot be compiled."""
    if find_spec("grpc_tools") is None:
        raise NoCompilerError(
            "compiling .proto files needs grpcio-tools, which is missing: "
            f"{install_command('protobuf')}"
        )


def file_set(text: str, references: Sequence[tuple[str, str]] = ()) -> Any:
    """Return the descriptors of a .proto and of all that it imports, as a FileDescriptorSet.

    ``references`` are names, as they stand behind ``import``, and texts. Raises ProtoError.
    """
    require_compiler()
    with tempfile.TemporaryDirectory(prefix="weir-proto-") as folder:
        root = Path(folder) / "files"
        _write(root, ROOT, text)
        for name, reference in references:
            _write(root, name, reference)
        out = Path(folder) / "descriptors"
        command = [
            *(sys.executable, "-m", "grpc_tools.protoc", _WITH_IMPORTS),
            *(f"-I{root}", f"-o{out}", ROOT),
        ]
        try:
            done = subprocess.run(  # noqa: S603 - our own command, without a shell
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ProtoError(f"protoc takes more than {_SECONDS:.0f} s for it") from None
        if done.returncode or not out.exists() or out.stat().st_size > _MOST_DESCRIPTORS:
            raise ProtoError("protoc does not compile it, with the files that it refers to")
        try:
            return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
        except DecodeError:
            raise ProtoError("what protoc made of it cannot be read") from None


def message_class(files: Any, name: str) -> type[Any]:
    """Return the class of a message by its full name. Raises ProtoError where there is none."""
    pool = descriptor_pool.DescriptorPool()
    try:
        for file in files.file:
            pool.Add(file)
        made: type[Any] = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    except (KeyError, TypeError):
        raise ProtoError(f"it has no message {name}") from None
    return made


def name_at(files: Any, indexes: Sequence[int]) -> str | None:
    """Return the full name of the message at the indexes of a frame; None where there is none."""
    file = next(each for each in files.file if each.name == ROOT)
    messages, names = file.message_type, [file.package] if file.package else []
    for index in indexes:
        if not 0 <= index < len(messages):
            return None
        names.append(messages[index].name)
        messages = messages[index].nested_type
    return ".".join(names) if indexes else None


def _write(root: Path, name: str, text: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise ProtoError("it refers to a file outside of what a registry has")
    file = root / path
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    except (OSError, ValueError):
        raise ProtoError("it refers to a file by a name that no file can have") from None
