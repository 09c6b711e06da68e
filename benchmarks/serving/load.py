"""A process of clients that ask and wait, ask and wait; without TensorFlow.

`python -m benchmarks.serving.load` reads jobs as lines of JSON and answers
each with a line. Requests are serialised beforehand and answers left as
bytes, so that the clients cost little of the processor that they share with
the server.
"""

import asyncio
import base64
import collections
import json
import sys
import time

import grpc.aio

from serving import protos


async def drive(
    target: str,
    requests: list[bytes],
    *,
    clients: int,
    begin: float,
    end: float,
    deadline_seconds: float | None,
) -> dict:
    """Lets clients ask until it is time.

    Args:
      target: host:port.
      requests: What they ask in turn, serialised.
      clients: How many, each with one request on its way.
      begin: When to count from, by `time.time()`; they ask from now on.
      end: When to stop.
      deadline_seconds: Of each call; None for none.

    Returns:
      `milliseconds` of each answered call, and `errors`: calls by status.
    """
    took: list[float] = []
    errors: collections.Counter[str] = collections.Counter()

    async def ask(call, number: int) -> None:
        while (asked := time.time()) < end:
            number += 1
            try:
                await call(
                    requests[number % len(requests)], timeout=deadline_seconds
                )
            except grpc.aio.AioRpcError as error:
                errors[error.code().name] += 1
                continue
            if asked >= begin:
                took.append((time.time() - asked) * 1e3)

    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", -1),
    ]
    async with grpc.aio.insecure_channel(target, options) as channel:
        call = channel.unary_unary(protos.PREDICT)
        await asyncio.gather(*(ask(call, 7 * n) for n in range(clients)))
    return {
        "milliseconds": [round(one, 3) for one in took],
        "errors": dict(errors),
    }


def main() -> None:
    """Answers jobs until there are no more."""
    for line in sys.stdin:
        job = json.loads(line)
        requests = [base64.b64decode(one) for one in job.pop("requests")]
        target = job.pop("target")
        answer = asyncio.run(drive(target, requests, **job))
        print(json.dumps(answer))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
