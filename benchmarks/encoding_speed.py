"""Texts a second: Daogou's encoding, other ways to do it, and the limit.

All contenders run the same weights on the same texts in one run, in turn.
"""

import contextlib
import dataclasses
import json
import pathlib
import subprocess
import tempfile
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from benchmarks.environments import python_of
from benchmarks.matmul import Network, dense_flops
from benchmarks.rounds import Contender, Slice, Work, gflops, measure
from benchmarks.weights import model_of, network_of, weights_of
from models.text import e5_weights
from models.text.batching import pack
from models.text.e5_weights import E5Weights
from models.text.hub import TextEncoder
from models.text.settings import TextSettings
from schema.errors import DataError

PEER = ("onnx==1.23.2", "onnxruntime==1.31.1", "numpy==2.3.5")
# Budgets of tokens that the peer may choose from.
PEER_BUDGETS = (512, 1024, 2048)
_PEER_SCRIPT = pathlib.Path(__file__).with_name("onnx_peer.py")
OURS, ALONE, PADDED, ONNX = "daogou", "one_by_one", "padded_128", "onnxruntime"
# Matrix products at the encoder's shapes, in TensorFlow and in NumPy.
LIMIT_TF, LIMIT_NUMPY = "matmul_tensorflow", "matmul_numpy"
# A product far larger than any of the encoder's, only to be reported.
SQUARE = "matmul_square"
_SQUARE_SIZE = 2048
_PADDED_LENGTH = 128
_LOWEST_COSINE = 0.9999
_SEED = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Corpus:
    """Texts that are encoded.

    Attributes:
      name: In the result.
      role: `item` or `query`.
      texts: In the order of their file.
    """

    name: str
    role: str
    texts: list[str]


def bench(
    corpus: Corpus, encoder: TextEncoder, *, seconds: float, rounds: int
) -> dict:
    """Measures all contenders on a corpus.

    Args:
      corpus: What to encode.
      encoder: The built E5.
      seconds: For all rounds together.
      rounds: At least 3, for a median.

    Returns:
      The figures, as JSON takes them.
    """
    encoded = Encoded.of(corpus, encoder)
    with Peer.started(encoded) as peer:
        contenders = [*encoded.contenders(), peer.contender()]
        slices = measure(contenders, seconds=seconds, rounds=rounds)
        about = peer.about
    return {**summary(slices, encoded), "onnxruntime": about}


def summary(slices: dict[str, list[Slice]], encoded: "Encoded") -> dict:
    """Turns slices into figures; shares are medians over the rounds."""
    result: dict = {
        "texts": len(encoded.lengths),
        "tokens_a_text": round(float(encoded.lengths.mean()), 2),
        "megaflop_a_text": round(encoded.flops_a_text / 1e6, 1),
        "padding_share": round(encoded.padding_share, 4),
        "batch_tokens": encoded.budget,
        "contenders": {},
    }
    for name, found in slices.items():
        rate, cpu_rate = gflops(found), gflops(found, cpu=True)
        row = {
            "gflops": round(float(np.median(rate)), 1),
            "gflops_a_cpu_second": round(float(np.median(cpu_rate)), 1),
        }
        if found[0].texts:
            texts = np.median(rate) * 1e9 / encoded.flops_a_text
            row["texts_per_second"] = round(float(texts), 1)
        result["contenders"][name] = row
    for cpu in (False, True):
        rates = {name: gflops(found, cpu=cpu) for name, found in slices.items()}
        limit = np.maximum(rates[LIMIT_TF], rates[LIMIT_NUMPY])
        shares = {
            "share_of_limit": rates[OURS] / limit,
            "onnxruntime_share_of_limit": rates[ONNX] / limit,
            "share_of_square_matmul": rates[OURS] / rates[SQUARE],
            "times_one_by_one": rates[OURS] / rates[ALONE],
            "times_padded_128": rates[OURS] / rates[PADDED],
            "times_onnxruntime": rates[OURS] / rates[ONNX],
        }
        result["by_cpu_time" if cpu else "by_wall_time"] = {
            name: round(float(np.median(share)), 3)
            for name, share in shares.items()
        }
    return result


@dataclasses.dataclass(frozen=True, kw_only=True)
class Encoded:
    """A corpus with its token counts, and the encoder for it.

    Attributes:
      corpus: The texts.
      encoder: As loaded.
      network: The encoder's sizes.
      source: Where the weights come from; only its header is used, as a
        SavedModel keeps neither heads nor epsilon.
      lengths: Tokens of each text, int64 [texts].
      budget: Tokens in a batch, as the Beam node has it by default.
    """

    corpus: Corpus
    encoder: TextEncoder
    network: Network
    source: E5Weights
    lengths: np.ndarray
    budget: int = TextSettings().batch_tokens

    @classmethod
    def of(cls, corpus: Corpus, encoder: TextEncoder) -> "Encoded":
        """Counts the tokens.

        Raises:
          DataError: There is no text, or the encoder's sizes are not known.
        """
        if not corpus.texts:
            raise DataError(f"{corpus.name}: no text; allowed: at least one")
        lengths = np.concatenate(
            [
                encoder.token_counts(
                    tf.constant(corpus.texts[at : at + 2048]), corpus.role
                ).numpy()
                for at in range(0, len(corpus.texts), 2048)
            ]
        )
        return cls(
            corpus=corpus,
            encoder=encoder,
            network=network_of(model_of(encoder)),
            source=e5_weights.read(e5_weights.weights_path()),
            lengths=lengths,
        )

    @property
    def flops_a_text(self) -> float:
        """Operations that a text needs, on average."""
        return self.network.flops(self.lengths) / len(self.lengths)

    @property
    def padding_share(self) -> float:
        """Padding tokens by all tokens, in our batches."""
        batches = pack(self.lengths, self.budget)
        padded = sum(len(b) * int(self.lengths[b].max()) for b in batches)
        return 1 - int(self.lengths.sum()) / padded

    def work(self, rows: np.ndarray) -> Work:
        """Says what encoding some texts takes."""
        return Work(
            texts=len(rows), flops=self.network.flops(self.lengths[rows])
        )

    def contenders(self) -> list[Contender]:
        """Returns ours, the two slower ways, and the matrix products."""
        shuffle = np.random.default_rng(_SEED).permutation
        every = np.arange(len(self.lengths))
        packed = pack(self.lengths, self.budget)
        rows = max(1, self.budget // _PADDED_LENGTH)
        return [
            self._encoding(OURS, [packed[i] for i in shuffle(len(packed))]),
            self._encoding(ALONE, np.split(shuffle(every), len(every))),
            self._padded(
                [every[at : at + rows] for at in range(0, len(every), rows)]
            ),
            *self._limits(),
        ]

    def _texts(self, rows: np.ndarray) -> tf.Tensor:
        return tf.constant([self.corpus.texts[row] for row in rows])

    def _encoding(self, name: str, batches: list[np.ndarray]) -> Contender:
        def run(number: int) -> None:
            texts = self._texts(batches[number])
            self.encoder(texts, role=self.corpus.role).numpy()

        return Contender(
            name=name, steps=[self.work(rows) for rows in batches], run=run
        )

    def _padded(self, batches: list[np.ndarray]) -> Contender:
        encoder = self.encoder

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def encode(texts):
            inputs = encoder.prepare(texts, self.corpus.role)
            length = tf.shape(inputs["input_word_ids"])[1]
            inputs = {
                name: tf.pad(
                    ids,
                    [[0, 0], [0, _PADDED_LENGTH - length]],
                    constant_values=1 if name == "input_word_ids" else 0,
                )
                for name, ids in inputs.items()
            }
            return encoder.encode_prepared(inputs)

        def run(number: int) -> None:
            encode(self._texts(batches[number])).numpy()

        return Contender(
            name=PADDED, steps=[self.work(rows) for rows in batches], run=run
        )

    def _limits(self) -> list[Contender]:
        random = np.random.default_rng(_SEED)
        pairs = [
            (
                random.normal(size=(self.budget, rows)).astype("f4"),
                random.normal(size=(rows, columns)).astype("f4"),
            )
            for rows, columns in self.network.dense_shapes()
        ]
        large = random.normal(size=(_SQUARE_SIZE, _SQUARE_SIZE)).astype("f4")
        variables = [
            (tf.constant(x), tf.Variable(kernel)) for x, kernel in pairs
        ]
        large_tf = tf.Variable(large)

        flops = dense_flops(self.network, self.budget)
        square_flops = 2 * _SQUARE_SIZE**3
        outs = [
            np.empty((len(x), kernel.shape[1]), "f4") for x, kernel in pairs
        ]

        # One element alone goes out, so that no copy is measured.
        @tf.function(input_signature=[])
        def layer():
            return tf.add_n([tf.matmul(x, k)[0, 0] for x, k in variables])

        @tf.function(input_signature=[])
        def square():
            return tf.matmul(large_tf, large_tf)[0, 0]

        def run_layer(_: int) -> None:
            layer().numpy()

        def run_square(_: int) -> None:
            square().numpy()

        def run_numpy(_: int) -> None:
            for (x, kernel), out in zip(pairs, outs, strict=True):
                np.matmul(x, kernel, out=out)

        return [
            Contender(name=name, steps=[Work(texts=0, flops=count)], run=run)
            for name, count, run in (
                (LIMIT_TF, flops, run_layer),
                (LIMIT_NUMPY, flops, run_numpy),
                (SQUARE, square_flops, run_square),
            )
        ]


class Peer:
    """ONNX Runtime in its process; see `benchmarks.onnx_peer`."""

    def __init__(self, process: subprocess.Popen[str], encoded: Encoded):
        assert process.stdin
        assert process.stdout
        self._stdin, self._stdout = process.stdin, process.stdout
        self.about: dict = json.loads(self._line())
        self._encoded = encoded
        self._batches: list[np.ndarray] = []

    @classmethod
    @contextlib.contextmanager
    def started(cls, encoded: Encoded) -> Iterator["Peer"]:
        """Starts it, lets it choose its configuration, checks its vectors.

        Raises:
          MissingDependencyError: Its environment cannot be made.
          DataError: It failed, or computes something else.
        """
        python = python_of(PEER)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            _write_inputs(encoded, folder)
            process = subprocess.Popen(
                [str(python), "-I", str(_PEER_SCRIPT), name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            try:
                peer = cls(process, encoded)
                peer._check(np.load(folder / "peer.npz"))
                yield peer
            finally:
                # The end of its input ends it.
                process.communicate()

    def _line(self) -> str:
        if line := self._stdout.readline():
            return line
        raise DataError("ONNX Runtime's process ended early; see its output")

    def _check(self, said) -> None:
        self._batches = pack(self._encoded.lengths, int(said["budget"]))
        vectors = said["vectors"]
        ours = self._encoded.encoder(
            tf.constant(self._encoded.corpus.texts[: len(vectors)]),
            role=self._encoded.corpus.role,
        ).numpy()
        lowest = float((ours * vectors).sum(1).min())
        if lowest < _LOWEST_COSINE:
            raise DataError(
                f"ONNX Runtime's vectors have a cosine of {lowest:.5f} to "
                f"ours; allowed: at least {_LOWEST_COSINE}"
            )
        self.about["lowest_cosine_to_ours"] = round(lowest, 7)

    def contender(self) -> Contender:
        """Returns the peer as one of the contenders."""
        shuffled = np.random.default_rng(_SEED).permutation(len(self._batches))

        def run(number: int) -> float:
            print(shuffled[number], file=self._stdin, flush=True)
            return float(self._line())

        return Contender(
            name=ONNX,
            steps=[self._encoded.work(self._batches[i]) for i in shuffled],
            run=run,
        )


def _write_inputs(encoded: Encoded, folder: pathlib.Path) -> None:
    """Writes weights and token ids, so that the peer need not tokenise."""
    np.savez(
        folder / "weights.npz",
        **weights_of(model_of(encoded.encoder)),  # type: ignore[arg-type]
    )
    texts, flat = encoded.corpus.texts, []
    for at in range(0, len(texts), 2048):
        inputs = encoded.encoder.prepare(
            tf.constant(texts[at : at + 2048]), encoded.corpus.role
        )
        mask = inputs["input_mask"].numpy().astype(bool)
        flat.append(inputs["input_word_ids"].numpy()[mask])
    batches = {
        f"{name}_{budget}": array
        for budget in PEER_BUDGETS
        for packed in [pack(encoded.lengths, budget)]
        for name, array in (
            ("order", np.concatenate(packed)),
            ("sizes", np.array([len(rows) for rows in packed])),
        )
    }
    np.savez(
        folder / "tokens.npz",
        flat=np.concatenate(flat),
        lengths=encoded.lengths,
        budgets=PEER_BUDGETS,
        **batches,  # type: ignore[arg-type]
    )
    sizes = {
        "layers": encoded.network.layers,
        "heads": encoded.source.heads,
        "epsilon": encoded.source.epsilon,
    }
    (folder / "sizes.json").write_text(json.dumps(sizes))
