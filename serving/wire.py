"""Builds protobuf messages from a few lines of text, without a compiler.

`tensorflow_serving.apis` imports the whole of TensorFlow, which takes seconds
and half a gigabyte, for the sake of a dozen small messages; others that are
needed here (health checks, reflection, the configuration files of TensorFlow
Serving) are in no installed package. They are written down as text of the
protobuf language, of which this understands as much as they use; an enum is
written as the `int32` that it is on the wire.
"""

import re

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message,
    message_factory,
    wrappers_pb2,
)

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    name: getattr(_Field, f"TYPE_{name.upper()}")
    for name in (
        "bool",
        "bytes",
        "double",
        "float",
        "int32",
        "int64",
        "string",
        "uint32",
        "uint64",
    )
}
_BLOCK = re.compile(r"(message|oneof) (\w+) \{")
_FIELD = re.compile(
    r"(?P<repeated>repeated )?"
    r"(?:map<string, (?P<value>[\w.]+)>|(?P<type>[\w.]+))"
    r" (?P<name>\w+) = (?P<number>\d+);"
)


class Messages:
    """Message classes by name, in a pool of their own.

    So they never meet other definitions of the same names, whichever is
    imported first.
    """

    def __init__(self, package: str, text: str, needs: str = ""):
        """Reads definitions.

        Args:
          package: Of the messages.
          text: Definitions, one field a line.
          needs: Definitions of the package `tensorflow` that they refer to.

        Raises:
          ValueError: A line is not understood.
        """
        self._package = package
        self._pool = descriptor_pool.DescriptorPool()
        self._pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
        wrappers = [wrappers_pb2.DESCRIPTOR.name]
        if needs:
            self._add("tensorflow", needs, wrappers)
            wrappers = [*wrappers, _file_name("tensorflow")]
        self._add(package, text, wrappers)

    def __getitem__(self, name: str) -> type[message.Message]:
        """Returns the class of a message, by its name in the package."""
        return message_factory.GetMessageClass(
            self._pool.FindMessageTypeByName(f"{self._package}.{name}")
        )

    def file(self) -> descriptor_pb2.FileDescriptorProto:
        """Returns the descriptor of the definitions."""
        found = descriptor_pb2.FileDescriptorProto()
        self._pool.FindFileByName(_file_name(self._package)).CopyToProto(found)
        return found

    def _add(self, package: str, text: str, imports: list[str]) -> None:
        file = descriptor_pb2.FileDescriptorProto(
            name=_file_name(package),
            package=package,
            syntax="proto3",
            dependency=imports,
        )
        _read(file, text)
        self._pool.AddSerializedFile(file.SerializeToString())


def _file_name(package: str) -> str:
    return f"daogou/{package}.proto"


def _read(file: descriptor_pb2.FileDescriptorProto, text: str) -> None:
    current = None
    oneof = False
    for line in filter(None, map(str.strip, text.splitlines())):
        if block := _BLOCK.fullmatch(line):
            kind, name = block.groups()
            if kind == "message":
                current = file.message_type.add(name=name)
            elif current is not None:
                current.oneof_decl.add(name=name)
                oneof = True
        elif line == "}":
            current, oneof = (current, False) if oneof else (None, False)
        elif current is not None and (found := _FIELD.fullmatch(line)):
            _add_field(current, file.package, found, oneof)
        else:
            raise ValueError(f"not understood: {line!r}")


def _add_field(
    owner: descriptor_pb2.DescriptorProto,
    package: str,
    found: re.Match,
    oneof: bool,
) -> None:
    field = owner.field.add(
        name=found["name"],
        number=int(found["number"]),
        label=_Field.LABEL_OPTIONAL,
    )
    if found["repeated"] or found["value"]:
        field.label = _Field.LABEL_REPEATED
    if oneof:
        field.oneof_index = len(owner.oneof_decl) - 1
    if not found["value"]:
        _set_type(field, found["type"], package)
        return
    words = "".join(word.title() for word in field.name.split("_"))
    entry = owner.nested_type.add(name=f"{words}Entry")
    entry.options.map_entry = True
    for number, (name, type_name) in enumerate(
        (("key", "string"), ("value", found["value"])), start=1
    ):
        part = entry.field.add(
            name=name, number=number, label=_Field.LABEL_OPTIONAL
        )
        _set_type(part, type_name, package)
    field.type = _Field.TYPE_MESSAGE
    field.type_name = f".{package}.{owner.name}.{entry.name}"


def _set_type(
    field: descriptor_pb2.FieldDescriptorProto, name: str, package: str
) -> None:
    if name in _SCALARS:
        field.type = _SCALARS[name]
        return
    field.type = _Field.TYPE_MESSAGE
    field.type_name = f".{name}" if "." in name else f".{package}.{name}"
