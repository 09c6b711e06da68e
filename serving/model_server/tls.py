"""TLS and mutual TLS from an SSLConfig file."""

import grpc

from schema.errors import DataError
from serving.model_server import configs


def credentials(path: str) -> grpc.ServerCredentials | None:
    """Reads the credentials of a server.

    Args:
      path: Of an SSLConfig with PEM text; empty for none.

    Returns:
      What a gRPC port is opened with; None for plain text.

    Raises:
      DataError: The file cannot be read, or lacks the key or certificate.
    """
    if not path:
        return None
    config = configs.read(path, configs.SSLConfig)
    for name in ("server_key", "server_cert"):
        if "-----BEGIN" not in getattr(config, name):
            raise DataError(f"{path}: {name} holds no PEM text")
    if config.client_verify and not config.custom_ca:
        raise DataError(
            f"{path}: client_verify needs custom_ca, the authority whose "
            "clients are let in"
        )
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
