"""A process that runs the same graphs as the server, without one.

`python -m benchmarks.serving.in_process` reads jobs as lines of JSON and
answers each with a line.
"""

import base64
import json
import sys
import time

from serving import protos, tensors
from serving.model_server.servable import Servable


class Graphs:
    """Servables, loaded when they are first asked for."""

    def __init__(self):
        """Loads none."""
        self._loaded: dict[str, Servable] = {}

    def run(self, path: str, requests: list[bytes], seconds: float) -> dict:
        """Answers requests one after the other, as long as it may.

        Args:
          path: Of the version's folder.
          requests: PredictRequests, serialised; read before the time begins.
          seconds: How long.

        Returns:
          `calls`, and the `cpu_ms` and `ms` of one.
        """
        if path not in self._loaded:
            self._loaded[path] = Servable(path)
        servable = self._loaded[path]
        plans = []
        for text in requests:
            request = protos.PredictRequest.FromString(text)
            signature = servable.signatures[request.model_spec.signature_name]
            feeds = [
                (
                    signature.inputs[name].name,
                    tensors.decode(
                        request.inputs[name]
                        if name in request.inputs
                        else signature.defaults[name]
                    ),
                )
                for name in sorted(signature.inputs)
            ]
            fetches = [info.name for info in signature.outputs.values()]
            plans.append((feeds, fetches))
        for plan in plans:
            servable.run(*plan)
        calls = 0
        began, cpu = time.perf_counter(), time.process_time()
        while time.perf_counter() < began + seconds:
            servable.run(*plans[calls % len(plans)])
            calls += 1
        took = time.perf_counter() - began
        return {
            "calls": calls,
            "cpu_ms": (time.process_time() - cpu) / calls * 1e3,
            "ms": took / calls * 1e3,
        }


def main() -> None:
    """Answers jobs until there are no more."""
    graphs = Graphs()
    for line in sys.stdin:
        job = json.loads(line)
        requests = [base64.b64decode(one) for one in job.pop("requests")]
        print(json.dumps(graphs.run(job["path"], requests, job["seconds"])))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
