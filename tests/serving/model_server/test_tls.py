"""TLS and mutual TLS."""

import datetime
import ipaddress

import grpc
import numpy as np
import pytest
from google.protobuf import text_format

from schema.errors import DataError
from serving.client import Client, ClientSettings, ServerError, Tls
from serving.model_server import configs, tls
from tests.serving.asking import SECONDS, Code, refused, request
from tests.serving.foreign_models import HALF
from tests.serving.model_server.running import serving, stub


@pytest.fixture(scope="module")
def certificates():
    """PEM of an authority, and of a server and a client that it signed."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def name(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    root = ec.generate_private_key(ec.SECP256R1())

    def pem(key, certificate):
        return (
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
            certificate.public_bytes(serialization.Encoding.PEM),
        )

    def sign(subject, key, authority):
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("root"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .add_extension(
                x509.BasicConstraints(ca=authority, path_length=None), True
            )
            .add_extension(
                x509.SubjectAlternativeName(
                    [
                        x509.DNSName("localhost"),
                        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                    ]
                ),
                False,
            )
            .sign(root, hashes.SHA256())
        )

    found = {"root": pem(root, sign("root", root, True))}
    for who in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        found[who] = pem(key, sign(who, key, False))
    return found


def ssl_config(folder, certificates, *, verify):
    config = configs.SSLConfig(
        server_key=certificates["server"][0].decode(),
        server_cert=certificates["server"][1].decode(),
        custom_ca=certificates["root"][1].decode(),
        client_verify=verify,
    )
    path = folder / "ssl.config"
    path.write_text(text_format.MessageToString(config))
    return str(path)


@pytest.mark.parametrize("verify", [False, True])
def test_tls(models, tmp_path, certificates, verify):
    path = ssl_config(tmp_path, certificates, verify=verify)
    with serving(models, ssl_config_file=path) as server:
        target = f"localhost:{server.port}"
        root = certificates["root"][1]
        known = grpc.ssl_channel_credentials(root, *certificates["client"])
        unknown = grpc.ssl_channel_credentials(root)
        asked = request(HALF, x=[1.0])
        for credentials in (known,) if verify else (known, unknown):
            with grpc.secure_channel(target, credentials) as channel:
                stub(channel).Predict(asked, timeout=SECONDS)
        strangers = [grpc.insecure_channel(target)]
        if verify:
            strangers.append(grpc.secure_channel(target, unknown))
        for channel in strangers:
            with channel, refused(Code.UNAVAILABLE):
                stub(channel).Predict(asked, timeout=SECONDS)


def test_the_client_speaks_tls(models, tmp_path, certificates):
    path = ssl_config(tmp_path, certificates, verify=True)
    root = certificates["root"][1]
    key, certificate = certificates["client"]
    inputs = {"x": np.array([1.0], np.float32)}
    with serving(models, ssl_config_file=path) as server:
        target = f"localhost:{server.port}"
        known = Tls(authority=root, key=key, certificate=certificate)
        settings = ClientSettings(model=HALF, tls=known, token="secret")
        with Client(target, settings) as asking:
            answer = asking.predict("serving_default", inputs)
        assert answer.outputs["y"].tolist() == [3.5]
        settings = ClientSettings(
            model=HALF, tls=Tls(authority=root), attempts=1
        )
        with (
            Client(target, settings) as asking,
            pytest.raises(ServerError, match="UNAVAILABLE"),
        ):
            asking.predict("serving_default", inputs)


def test_verifying_clients_needs_an_authority(tmp_path):
    path = tmp_path / "ssl.config"
    pem = "-----BEGIN X-----"
    path.write_text(
        f'server_key: "{pem}" server_cert: "{pem}" client_verify: true'
    )
    with pytest.raises(DataError, match="client_verify needs custom_ca"):
        tls.credentials(str(path))
    assert tls.credentials("") is None
