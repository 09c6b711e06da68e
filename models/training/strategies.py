"""What devices train the model, and how a batch is dealt out to them.

With a strategy of several devices each holds a copy of the model, takes its
part of every batch, and all gradients are summed before each of them takes
the same step (`models.train_step`). A batch is always that of all devices, so
the learning rate and the schedule do not depend on their number, and the loss
is that of one device which takes the whole batch.

Every worker draws the same seeded batches and takes its parts of them, so no
example is left out or taken twice, whatever the number of workers is; and
parts of one batch are padded to one length, so that no device waits for
another. With `TrainingSettings.own_files` each worker draws its part of every
batch from files that no other reads: what is divided is the input too, and
an example of a short share comes a little more often than one of a long one.
"""

import contextlib
import functools
import json
import os
import tempfile
from collections.abc import Callable, Iterator

import tensorflow as tf

from models.settings import TrainingSettings
from schema.errors import DaogouError
from schema.settings import SettingsError

_CLUSTER = "TF_CONFIG"
_FORM = (
    '{"cluster": {"worker": ["host:port", …]}, '
    '"task": {"type": "worker", "index": 0}}'
)
_SEVERAL = (
    tf.distribute.MirroredStrategy,
    tf.distribute.MultiWorkerMirroredStrategy,
    tf.distribute.TPUStrategy,
)


class StrategyError(DaogouError, RuntimeError):
    """The devices that a strategy wants are not there."""


def of(settings: TrainingSettings) -> tf.distribute.Strategy:
    """Returns the strategy that the settings ask for, one a process.

    Workers wait for one another where it is made.

    Raises:
      StrategyError: There is no TPU, or `TF_CONFIG` is missing or malformed.
    """
    if settings.strategy == "default":
        return tf.distribute.get_strategy()
    return _several(settings.strategy)


# Two of a kind in one process would number their messages alike, and take
# those of the other for their own.
@functools.cache
def _several(name):
    if name == "mirrored":
        return tf.distribute.MirroredStrategy(_devices())
    if name == "multi_worker":
        check_cluster(os.environ.get(_CLUSTER, ""))
        return tf.distribute.MultiWorkerMirroredStrategy()
    return _tpu()


def _devices() -> list[str]:
    """Names all GPUs, or all logical CPUs where there is no GPU."""
    found = tf.config.list_logical_devices("GPU")
    found = found or tf.config.list_logical_devices("CPU")
    return [device.name for device in found]


def check_cluster(text: str) -> None:
    """Checks what `TF_CONFIG` says.

    Args:
      text: JSON: `cluster`, of which `worker` lists all workers as
        `host:port`, and `task`, which of them this one is. The first is the
        chief: it writes.

    Raises:
      StrategyError: It is empty, not of this form, or names a worker that is
        not in its list.
    """
    if not text:
        raise StrategyError(
            f"the strategy multi_worker needs {_CLUSTER}, which is not set; "
            f"allowed: {_FORM}"
        )
    try:
        config = json.loads(text)
        workers = config["cluster"]["worker"]
        kind, index = config["task"]["type"], int(config["task"]["index"])
    except (ValueError, KeyError, TypeError) as error:
        raise StrategyError(
            f"{_CLUSTER} is {text!r}, which says no cluster "
            f"({type(error).__name__}: {error}); allowed: {_FORM}"
        ) from None
    others = sorted(set(config["cluster"]) - {"worker"})
    if others or kind != "worker":
        raise StrategyError(
            f"{_CLUSTER} has tasks of the type {(others or [kind])[0]!r}; "
            "allowed: worker, of which the first is the chief"
        )
    if not isinstance(workers, list) or not 0 <= index < len(workers):
        raise StrategyError(
            f"{_CLUSTER} says task {index} of the workers {workers!r}; "
            "allowed: a place in that list, from 0 on"
        )


def _tpu():
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise StrategyError(
            f"the strategy tpu finds no TPU ({error}); on Colab choose the "
            "runtime type TPU and install tensorflow-tpu==2.20.0; allowed "
            "without one: default, mirrored"
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def scope(
    strategy: tf.distribute.Strategy,
) -> contextlib.AbstractContextManager:
    """Returns where variables are made; nothing changes for one device."""
    if is_single(strategy):
        return contextlib.nullcontext()
    return strategy.scope()


def is_single(strategy: tf.distribute.Strategy) -> bool:
    """Whether it is TensorFlow's own way of training on one device."""
    return not isinstance(strategy, _SEVERAL)


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this worker writes what training makes; one of them does."""
    resolver = strategy.cluster_resolver
    return resolver is None or not resolver.task_id


def worker_of(strategy: tf.distribute.Strategy) -> tuple[int, int]:
    """Returns which worker this is, from 0 on, and how many there are."""
    resolver = strategy.cluster_resolver
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 0, 1
    workers = resolver.cluster_spec().as_dict().get("worker", ["alone"])
    return int(resolver.task_id or 0), len(workers)


@contextlib.contextmanager
def logs_of(strategy: tf.distribute.Strategy, run_dir: str) -> Iterator[str]:
    """Gives where a worker leaves what only the chief is to leave.

    Yields:
      `run_dir` to the chief, and to others a folder that goes away.
    """
    if is_chief(strategy):
        yield run_dir
        return
    with tempfile.TemporaryDirectory() as folder:
        yield folder


def whole_batch(
    batch: int, available: int, strategy: tf.distribute.Strategy, field: str
) -> int:
    """Returns how many examples a step takes, on all devices together.

    Args:
      batch: What the settings ask for.
      available: Examples that there are.
      strategy: Its devices divide the batch.
      field: The setting's name.

    Raises:
      SettingsError: It cannot be divided evenly.
    """
    devices = strategy.num_replicas_in_sync
    if batch % devices:
        raise SettingsError(
            f"TrainingSettings.{field} is {batch!r}; allowed: a multiple of "
            f"the {devices} devices that divide a batch"
        )
    if available < devices:
        raise SettingsError(
            f"TrainingSettings.strategy has {devices} devices for {available} "
            "examples; allowed: at most one device an example"
        )
    return min(batch, available - available % devices)


def deal(
    batches: tf.data.Dataset,
    strategy: tf.distribute.Strategy,
    prepare: Callable[[tf.data.Dataset], tf.data.Dataset] = lambda part: part,
    own: bool = False,
):
    """Gives each device its part of every batch.

    Args:
      batches: The same on every worker; structures of [batch, …], the batch a
        multiple of the devices. With `own` this worker's alone, a multiple of
        its devices.
      strategy: Whose devices.
      prepare: What is done to the parts alone, where batches are cheap and
        what becomes of them is not.
      own: Whether `batches` are this worker's alone.

    Returns:
      What `Model.fit` takes: of one device `batches`, prepared.
    """
    if is_single(strategy):
        return prepare(batches).prefetch(2)

    def mine(context: tf.distribute.InputContext) -> tf.data.Dataset:
        here = context.num_replicas_in_sync // context.num_input_pipelines
        if own:
            context = tf.distribute.InputContext(num_replicas_in_sync=here)
        parts = prepare(parts_of(batches, context))
        return parts.prefetch(2 * here)

    return strategy.distribute_datasets_from_function(mine)


def parts_of(
    batches: tf.data.Dataset, context: tf.distribute.InputContext
) -> tf.data.Dataset:
    """Returns the parts of batches that a worker's devices take, in turn.

    Args:
      batches: As for `deal`.
      context: Which worker, and how many devices there are.
    """
    devices = context.num_replicas_in_sync
    here = devices // context.num_input_pipelines
    first = context.input_pipeline_id * here

    def part(values):
        size = values.shape[0] and values.shape[0] // devices
        shape = [[devices, -1 if size is None else size], tf.shape(values)[1:]]
        each = tf.reshape(values, tf.concat(shape, 0))
        each = tf.ensure_shape(each, [devices, size, *values.shape[1:]])
        return each[first : first + here]

    return batches.map(
        lambda batch: tf.nest.map_structure(part, batch)
    ).unbatch()


def chiefs(strategy: tf.distribute.Strategy, value: float) -> float:
    """Returns what the chief says, on every worker.

    Workers that stop at different steps wait for one another for ever, and
    two clocks never agree.

    Args:
      strategy: All of its workers call this at the same moment.
      value: What this one would say.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return float(value)
    mine = value if is_chief(strategy) else 0.0

    @tf.function(autograph=False)
    def agree(said):
        def first():
            # Each of a worker's devices says the same; the first counts.
            context = tf.distribute.get_replica_context()
            own = context.replica_id_in_sync_group
            counts = tf.cast(tf.equal(own, 0), tf.float64)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, said * counts)

        return strategy.run(first)

    agreed = agree(tf.constant(mine, tf.float64))
    return float(strategy.experimental_local_results(agreed)[0])
