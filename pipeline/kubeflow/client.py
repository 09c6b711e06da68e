"""Hands a compiled pipeline to a Kubeflow Pipelines server."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping

from schema.errors import DataError
from schema.settings import Settings

EXPERIMENT = "daogou"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Server(Settings):
    """Where the Kubeflow Pipelines API answers.

    Attributes:
      host: URL, as in `http://localhost:8080`.
      namespace: Of a multi-user deployment; empty otherwise.
      token_variable: Environment variable with a bearer token; empty for
        none, so that no token stands in a file or in the process list.
      service_account: The pods' service account; empty for the default.
    """

    host: str
    namespace: str = ""
    token_variable: str = ""
    service_account: str = ""

    def __post_init__(self) -> None:
        self.check(
            "host",
            self.host.startswith(("http://", "https://")),
            "a URL that begins with http:// or https://",
        )
        self.check(
            "token_variable",
            not self.token_variable
            or bool(os.environ.get(self.token_variable)),
            "the name of an environment variable that is set",
        )


def submit(
    server: Server,
    spec: pathlib.Path,
    name: str,
    parameters: Mapping[str, str] | None = None,
) -> str:
    """Starts one run.

    Args:
      server: Which gets it.
      spec: As `daogou kubeflow compile` wrote it.
      name: What lists of runs call it.
      parameters: Of the pipeline; its defaults otherwise.

    Returns:
      The run's id.

    Raises:
      DataError: The server cannot be reached or refuses.
    """

    def start(client, experiment):
        return client.create_run_from_pipeline_package(
            str(_existing(spec)),
            run_name=name,
            arguments=dict(parameters or {}),
            experiment_id=experiment,
            namespace=server.namespace or None,
            service_account=server.service_account or None,
        ).run_id

    return _asked(server, start)


def schedule(
    server: Server,
    spec: pathlib.Path,
    name: str,
    cron: str,
    parameters: Mapping[str, str] | None = None,
) -> str:
    """Starts a run again and again, one at a time.

    A run that is missed while another goes on is not made up for: the next
    one reads all of the data anyway.

    Args:
      server: Which gets it.
      spec: As `daogou kubeflow compile` wrote it.
      name: What lists of recurring runs call it.
      cron: Six fields, seconds first, as in `0 0 3 * * *`.
      parameters: Of the pipeline; its defaults otherwise.

    Returns:
      The recurring run's id.

    Raises:
      DataError: `cron` has not six fields, or the server cannot be reached
        or refuses.
    """
    if len(cron.split()) != 6:
        raise DataError(
            f"--cron {cron!r} has {len(cron.split())} fields; allowed: six, "
            "seconds first, as in '0 0 3 * * *' for every day at three"
        )

    def start(client, experiment):
        return client.create_recurring_run(
            experiment_id=experiment,
            job_name=name,
            cron_expression=cron,
            max_concurrency=1,
            no_catchup=True,
            pipeline_package_path=str(_existing(spec)),
            params=dict(parameters or {}),
            service_account=server.service_account or None,
        ).recurring_run_id

    return _asked(server, start)


def _existing(spec):
    if not spec.is_file():
        raise DataError(
            f"{spec} is not there; `daogou kubeflow compile` writes it"
        )
    return spec


def _asked(server, start):
    import kfp
    import kfp_server_api
    import urllib3

    try:
        client = kfp.Client(
            host=server.host,
            namespace=server.namespace or "kubeflow",
            existing_token=os.environ.get(server.token_variable) or None,
        )
        experiment = client.create_experiment(
            EXPERIMENT, namespace=server.namespace or None
        )
        return start(client, experiment.experiment_id)
    except kfp_server_api.ApiException as error:
        raise DataError(
            f"{server.host} answers {error.status} {error.reason}: "
            f"{str(error.body or '')[:500]}"
        ) from error
    except urllib3.exceptions.HTTPError as error:
        raise DataError(f"{server.host} cannot be reached: {error}") from error
