"""Texts to vectors through any encoder with TF-Hub's text interface."""

import typing

import tensorflow as tf

# Registers the ops of tokenizers in loaded models.
import tensorflow_text  # noqa: F401

from models.text.bert import mean_pool
from models.text.characters import Folding
from models.text.resolve import ROLES, Description, EncoderPaths, resolve
from models.text.settings import TextSettings

__all__ = ["TextEncoder", "TextSettings"]

# Bounds the work on texts without end; pieces are at most 16 characters.
_CHARACTERS_A_TOKEN = 16
# A text of nothing but what is not seen: white space, zero-width and other
# format characters, variation selectors.
_INVISIBLE = r"^[\pZ\p{Cf}\x{fe00}-\x{fe0f}]+$"
# Rows that `encode_distinct` encodes at a time; bounds memory.
_CHUNK_ROWS = 256
# Start and end.
_NUM_ADDED = 2


class TextEncoder(tf.Module):
    """A text encoder; strings in, vectors out.

    Works eagerly, inside a `tf.function`, and as an attribute of a module
    that is saved: variables and assets go along. Every string has a vector
    of finite numbers; texts are cleaned first:

    - Full-width and traditional characters become plain simplified ones.
    - Control characters, bytes that are not UTF-8 and runs of white space
      become one space.
    - What is empty then, or holds only what cannot be seen (zero-width
      characters, byte order marks), has the zero vector.
    - Of a long text the first 16 characters for each token of `seq_length`
      are read, and of these the first `seq_length` tokens.
    - Scripts may be mixed. What the vocabulary does not know, often emoji,
      becomes its token for the unknown: such texts have a vector, though
      different ones may share it.

    Example:
      encoder = TextEncoder.load("e5-small-zh", "e5-small-zh")
      vectors = encoder(tf.constant(["无线鼠标"]), role="query")

    Attributes:
      paths: The local folders.
      dimension: Length of a vector.
      seq_length: Longest sequence in tokens; the rest of a text is cut off.
      pooling: `pooled_output` or `mean`.
    """

    def __init__(
        self, paths: EncoderPaths, *, seq_length: int = 0, pooling: str = ""
    ):
        """Loads the two SavedModels; see `load`."""
        super().__init__(name="text_encoder")
        description = Description.read(paths.encoder)
        self.paths = paths
        self.seq_length = seq_length or description.seq_length
        self.pooling = pooling or description.pooling
        self.outline = description.outline
        self._prefixes = description.prefixes
        self._fold = Folding()
        self._preprocess = tf.saved_model.load(str(paths.preprocess))
        self._encoder = tf.saved_model.load(str(paths.encoder))
        self._encode = tf.function(
            self._encode_texts,
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,
        )
        self.dimension = int(
            self._encode.get_concrete_function().output_shapes[-1]
        )
        self._digest = ""

    @classmethod
    def load(
        cls,
        preprocess: str,
        encoder: str,
        *,
        seq_length: int = 0,
        pooling: str = "",
    ) -> typing.Self:
        """Loads an encoder.

        Args:
          preprocess: `e5-small-zh`, a folder, or a hub handle, full or short
            (`tensorflow/bert_zh_preprocess/3`).
          encoder: The same.
          seq_length: Longest sequence in tokens; 0: as the encoder says.
          pooling: `pooled_output` or `mean`; empty: as the encoder says.

        Raises:
          MissingDependencyError: The encoder is not there, or the hub cannot
            be reached; says what to do.
        """
        return cls(
            resolve(preprocess, encoder),
            seq_length=seq_length,
            pooling=pooling,
        )

    @classmethod
    def from_settings(cls, settings: TextSettings) -> typing.Self:
        """Loads the encoder that settings name; see `load`."""
        return cls.load(
            settings.preprocess,
            settings.encoder,
            seq_length=settings.seq_length,
            pooling=settings.pooling,
        )

    @property
    def model(self) -> typing.Any:
        """The loaded encoder, as TF-Hub has it; its variables may change."""
        return self._encoder

    @property
    def digest(self) -> str:
        """Hash of both folders' content, the same on every machine."""
        if not self._digest:
            self._digest = self.paths.digest()
        return self._digest

    def __call__(self, texts, role: str = "query"):
        """Encodes texts, each row by itself.

        Args:
          texts: string [batch].
          role: `item` or `query`; some encoders tell them apart.

        Returns:
          float32 [batch, dimension].

        Raises:
          ValueError: There is no such role.
        """
        texts = self._clean(texts)
        vectors = self._encode(self._with_prefix(texts, role))
        return tf.where((texts != "")[:, None], vectors, 0.0)

    def encode_distinct(self, texts, role: str = "query"):
        """Encodes each distinct text of a batch once, empty ones never.

        Runs through them by length, `_CHUNK_ROWS` at a time, so that neither
        padding nor memory grows with the batch.

        Args:
          texts: string, any shape of known rank.
          role: As in `__call__`.

        Returns:
          float32 [*texts.shape, dimension].
        """
        texts = tf.convert_to_tensor(texts)
        cleaned = self._clean(tf.reshape(texts, [-1]))
        # The empty text goes first, so that row 0 is the zero vector.
        distinct, rows = tf.unique(tf.concat([[""], cleaned], axis=0))
        order = tf.argsort(tf.strings.length(distinct[1:], "UTF8_CHAR"))
        ordered = self._with_prefix(tf.gather(distinct[1:], order), role)
        count = tf.size(ordered)
        chunks = (count + _CHUNK_ROWS - 1) // _CHUNK_ROWS

        def encode_chunk(number, vectors):
            start = number * _CHUNK_ROWS
            chunk = self._encode(ordered[start : start + _CHUNK_ROWS])
            return number + 1, tf.concat([vectors, chunk], axis=0)

        empty = tf.zeros([0, self.dimension])
        _, vectors = tf.while_loop(
            lambda number, _: number < chunks,
            encode_chunk,
            (0, empty),
            shape_invariants=(
                tf.TensorShape([]),
                tf.TensorShape([None, self.dimension]),
            ),
            parallel_iterations=1,
        )
        table = tf.concat(
            [
                tf.zeros([1, self.dimension]),
                tf.gather(vectors, tf.argsort(order)),
            ],
            axis=0,
        )
        result = tf.reshape(
            tf.gather(table, rows[1:]),
            tf.concat([tf.shape(texts), [self.dimension]], axis=0),
        )
        return tf.ensure_shape(result, [*texts.shape, self.dimension])

    def token_counts(self, texts, role: str = "query"):
        """Counts the tokens that encoding takes, start and end among them.

        Args:
          texts: string [batch].
          role: As in `__call__`.

        Returns:
          int64 [batch], at most `seq_length`.
        """
        tokens = self._tokenize(self._with_prefix(self._clean(texts), role))
        return tf.minimum(
            tokens.row_lengths() + _NUM_ADDED, int(self.seq_length)
        )

    def prepare(self, texts, role: str = "query"):
        """Gives what the encoder takes for texts, padded to the longest.

        Args:
          texts: string [batch].
          role: As in `__call__`.

        Returns:
          `input_word_ids`, `input_mask` and `input_type_ids`, int32
          [batch, length].
        """
        return self._pack(self._with_prefix(self._clean(texts), role))

    def encode_prepared(self, inputs):
        """Encodes what `prepare` gave; float32 [batch, dimension]."""
        outputs = self._encoder(inputs)
        if self.pooling == "mean":
            return mean_pool(outputs["sequence_output"], inputs["input_mask"])
        return outputs["pooled_output"]

    def describe(self) -> dict[str, typing.Any]:
        """Says what made the vectors, for a report or a cache's name."""
        return {
            "dimension": self.dimension,
            "digest": self.digest,
            "seq_length": self.seq_length,
            "pooling": self.pooling,
        }

    def _with_prefix(self, texts, role):
        if role not in ROLES:
            raise ValueError(f"role is {role!r}; allowed: {ROLES}")
        prefix = self._prefixes.get(role, "")
        return tf.strings.join([prefix, texts]) if prefix else texts

    def _clean(self, texts):
        texts = tf.strings.unicode_transcode(
            texts,
            "UTF-8",
            "UTF-8",
            errors="replace",
            replacement_char=ord(" "),
            replace_control_characters=True,
        )
        folded = self._fold(texts)
        spaced = tf.strings.regex_replace(folded, r"[\pZ\p{Cc}]+", " ")
        spaced = tf.strings.regex_replace(spaced, _INVISIBLE, "")
        return tf.strings.substr(
            tf.strings.strip(spaced),
            0,
            self.seq_length * _CHARACTERS_A_TOKEN,
            unit="UTF8_CHAR",
        )

    def _tokenize(self, texts):
        tokens = self._preprocess.tokenize(texts)
        if tokens.ragged_rank == 2:
            tokens = tokens.merge_dims(1, 2)
        return tokens

    def _pack(self, texts):
        tokens = self._tokenize(texts)
        longest = tf.reduce_max(
            tf.concat([[1], tf.cast(tokens.row_lengths(), tf.int32)], 0)
        )
        return self._preprocess.bert_pack_inputs(
            [tokens],
            seq_length=tf.minimum(longest + _NUM_ADDED, self.seq_length),
        )

    def _encode_texts(self, texts):
        """Encodes clean texts with their prefixes; float32 [batch, d]."""
        return self.encode_prepared(self._pack(texts))
