"""Requests of any kind, for a server that must answer every one."""

import json
import random
import typing
from collections.abc import Mapping, Sequence

from serving import protos

# A number of every field of a TensorProto, fitting or not.
_VALUES: dict[str, typing.Callable[[random.Random], typing.Any]] = {
    "float_val": lambda chance: chance.gauss(0, 1),
    "int64_val": lambda chance: chance.randint(-(2**63), 2**63 - 1),
    "int_val": lambda chance: chance.randint(-(2**31), 2**31 - 1),
    "string_val": lambda chance: chance.randbytes(5),
    "half_val": lambda chance: chance.randint(-(2**31), 2**31 - 1),
    "double_val": lambda chance: float("nan"),
    "bool_val": lambda chance: True,
}
_TYPES = (0, 1, 1, 3, 7, 9, 10, 14, 19, 21, 99, -1)
_SIZES = (0, 1, 2, -1, 2**40)
_JSON: tuple[typing.Any, ...] = (
    *(1, -2.5, None, True, "鼠", 2**70, 1e400, "", [], {}),
    *({"b64": "AA=="}, {"b64": "*"}, {"b64": 5}),
)
_ACTIONS = (":predict", ":classify", ":regress", "", "/x", "/metadata")


class Fuzz:
    """Draws messages and bodies that are nearly right, or not at all."""

    def __init__(
        self,
        seed: int,
        signatures: Mapping[str, Sequence[str]],
        inputs: Sequence[str],
    ):
        """Begins to draw.

        Args:
          seed: Of what is drawn.
          signatures: Names by model, models that are not there too.
          inputs: Names, at least 4.
        """
        self.chance = random.Random(seed)
        self._signatures = signatures
        self._inputs = inputs

    def message(self) -> bytes:
        """Returns a PredictRequest, sometimes broken, sometimes noise."""
        chance = self.chance
        if chance.random() < 0.05:
            return chance.randbytes(chance.randint(0, 40))
        request = protos.PredictRequest()
        model = chance.choice(list(self._signatures))
        request.model_spec.name = model
        request.model_spec.signature_name = chance.choice(
            [*self._signatures[model], "zz"]
        )
        if chance.random() < 0.2:
            request.model_spec.version.value = chance.choice([1, 7, -5, 2**62])
        for name in chance.sample(self._inputs, chance.randint(0, 4)):
            self._fill(request.inputs[name])
        if chance.random() < 0.1:
            request.output_filter.append(chance.choice(["y", "zz"]))
        return self._mutated(request.SerializeToString())

    def path(self) -> str:
        """Returns where a body is sent."""
        chance = self.chance
        first = next(iter(self._signatures))
        where = chance.choice(
            [*self._signatures, f"{first}/versions/1", "..%2f"]
        )
        return f"/v1/models/{where}{chance.choice(_ACTIONS)}"

    def body(self) -> bytes:
        """Returns JSON, sometimes broken."""
        chance = self.chance
        keys = ["instances", "inputs", "examples", "context"]
        found = {
            key: self._value()
            for key in chance.sample(keys, chance.randint(0, 3))
        }
        if chance.random() < 0.5:
            names = [n for some in self._signatures.values() for n in some]
            found["signature_name"] = chance.choice([*names, "zz", 5])
        return self._mutated(json.dumps(found).encode())

    def _fill(self, tensor: typing.Any) -> None:
        chance = self.chance
        tensor.dtype = chance.choice(_TYPES)
        for _ in range(chance.choice([0, 1, 1, 2, 3])):
            tensor.tensor_shape.dim.add(size=chance.choice(_SIZES))
        for _ in range(chance.randint(0, 5)):
            name = chance.choice(list(_VALUES))
            getattr(tensor, name).append(_VALUES[name](chance))
        if chance.random() < 0.2:
            tensor.tensor_content = chance.randbytes(chance.choice([1, 4, 8]))

    def _mutated(self, text: bytes) -> bytes:
        chance = self.chance
        if chance.random() >= 0.3:
            return text
        changed = bytearray(text)
        for _ in range(chance.randint(0, 5) if changed else 0):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        del changed[chance.randint(0, len(changed)) :]
        return bytes(changed)

    def _value(self, depth: int = 0) -> typing.Any:
        chance = self.chance
        if depth > 3 or chance.random() < 0.5:
            return chance.choice(_JSON)
        parts = [self._value(depth + 1) for _ in range(chance.randint(0, 4))]
        if chance.random() < 0.5:
            return parts
        names = chance.sample([*self._inputs, "b64"], 4)
        return dict(zip(names, parts, strict=False))
