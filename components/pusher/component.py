"""TFX's Pusher with the executor that pushes in one step."""

from typing import Any

from tfx import types
from tfx.components.pusher.component import Pusher
from tfx.dsl.components.base import executor_spec
from tfx.proto import pusher_pb2

from components.pusher import executor


class AtomicPusher(Pusher):
    """Pushes a blessed model; its node is called `Pusher`, as TFX's is."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        push_destination: pusher_pb2.PushDestination,
        custom_config: dict[str, Any] | None = None,
    ):
        """Takes what TFX's takes, but never pushes what nobody judged.

        Args:
          model: What is pushed.
          model_blessing: Whether it may be.
          push_destination: The folder of versions; only a file system.
          custom_config: Such as `{"code_digest": …}`; read by nobody, but
            part of what decides whether an old result is reused.
        """
        super().__init__(
            model=model,
            model_blessing=model_blessing,
            push_destination=push_destination,
            custom_config=custom_config,
        )
        self.with_id(Pusher.__name__)
