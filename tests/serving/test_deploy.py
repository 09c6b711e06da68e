"""The files under serving/deploy: read by parsers, and served by our server."""

import dataclasses
import json
import pathlib
import re

import pytest
from tensorflow_serving.config import model_server_config_pb2

from applications.campaigns.service import SYSTEM
from models.serving_graph import warmup
from serving.client import Client
from serving.client_settings import ClientSettings
from serving.model_server import configs
from serving.model_server.batch_scheduler import BatchingSettings
from serving.model_server.metrics import Metrics
from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings
from serving.model_server.versions import from_proto
from serving.requests import Request
from tests import small_campaigns, small_shop
from tests.serving.asking import http

yaml = pytest.importorskip("yaml", reason="PyYAML comes with the pipeline")

FOLDER = pathlib.Path(__file__).parents[2] / "serving" / "deploy"
IMAGE = "tensorflow/serving:2.20.0"
MEMBERS = re.compile(r":tensorflow:serving:\w+")
# Comparisons inside braces name labels of a metric.
LABELS = re.compile(r"(:tensorflow:serving:\w+)\{([^}]*)\}")


def documents(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    return [one for one in yaml.safe_load_all(text) if one]


def arguments():
    """Command lines of the server, by the file that has them."""
    compose = documents("compose.yaml")[0]["services"]["serving"]
    deployment = by_kind()["Deployment"]["spec"]["template"]["spec"]
    return {
        "compose.yaml": compose["command"],
        "kubernetes.yaml": deployment["containers"][0]["args"],
    }


def by_kind():
    return {one["kind"]: one for one in documents("kubernetes.yaml")}


def flags(words):
    """Flags by name, as TensorFlow Serving and our command take them."""
    found = {}
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        assert equals, word
        found[name] = value
    return found


@pytest.mark.parametrize("file", ["compose.yaml", "kubernetes.yaml"])
def test_flags_are_tensorflow_servings(file):
    fields = {one.name: one for one in dataclasses.fields(ServerSettings)}
    for name in flags(arguments()[file]):
        assert not fields[name].metadata["ours"], name


@pytest.fixture(scope="module")
def served(shop_servable, tmp_path_factory):
    """Our server with the flags and files of the cluster."""
    folder = tmp_path_factory.mktemp("deploy")
    base = folder / "models" / "daogou"
    base.mkdir(parents=True)
    (base / "1").symlink_to(shop_servable)
    small_campaigns.save_servable(folder / "models" / "campaigns" / "1")
    (folder / "config").mkdir()
    for file in FOLDER.glob("*.config"):
        text = file.read_text(encoding="utf-8")
        text = text.replace('"/models/', f'"{folder}/models/')
        (folder / "config" / file.name).write_text(text, encoding="utf-8")
    given = {
        name: value.replace("/config/", f"{folder}/config/")
        for name, value in flags(arguments()["kubernetes.yaml"]).items()
    }
    alone = f"{folder}/config/models.config"
    assert given["model_config_file"] == alone
    given["model_config_file"] = f"{folder}/config/models-with-campaigns.config"
    types = {
        f.name: type(f.default) for f in dataclasses.fields(ServerSettings)
    }
    settings = {
        name: value == "true" if types[name] is bool else types[name](value)
        for name, value in given.items()
    }
    server = ModelServer(
        ServerSettings(**settings | {"port": 0, "rest_api_port": -1})
    )
    server.start()
    yield server
    server.stop()


def test_the_cluster_s_flags_and_files_serve(served):
    with Client(f"127.0.0.1:{served.port}") as client:
        assert len(client.recommend(small_shop.MICE, 3).items()) == 3
    with Client(
        f"127.0.0.1:{served.port}", ClientSettings(model="campaigns")
    ) as client:
        now = Request(**{**vars(small_shop.MICE), "timestamp": 600})
        alone = client.campaigns(now, 5).outputs["campaign_ids"][0]
        past = [("c0", "campaign_join"), ("c1", "campaign_view")]
        again = client.campaigns(now, 5, past, ["c0"]).outputs
    assert alone.all()
    assert again["campaign_ids"].all()
    assert b"c0" not in again["campaign_ids"][0]
    probe = by_kind()["Deployment"]["spec"]["template"]["spec"]
    path = probe["containers"][0]["readinessProbe"]["httpGet"]["path"]
    status, answer = http(f"127.0.0.1:{served.rest_api_port}", "GET", path)
    assert status == 200
    assert answer["model_version_status"][0]["state"] == "AVAILABLE"


def test_metrics_are_where_prometheus_looks(served):
    job = documents("prometheus.yml")[0]["scrape_configs"][0]
    status, page = http(
        f"127.0.0.1:{served.rest_api_port}", "GET", job["metrics_path"]
    )
    assert status == 200
    assert b":tensorflow:serving:request_count{" in page
    assert documents("prometheus.yml")[0]["rule_files"] == ["alerts.yml"]
    annotations = by_kind()["Deployment"]["spec"]["template"]["metadata"]
    assert job["metrics_path"] in annotations["annotations"].values()


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("models.config", [warmup.MODEL_NAME]),
        ("models-with-campaigns.config", [warmup.MODEL_NAME, SYSTEM]),
    ],
)
def test_models_lie_where_they_are_pushed(file, names):
    models = configs.read(
        str(FOLDER / file), model_server_config_pb2.ModelServerConfig
    )
    paths = {
        model.name: from_proto(model).base_path
        for model in models.model_config_list.config
    }
    assert paths == {name: f"/models/{name}" for name in names}


def test_text_protos_are_what_they_are_called():
    batching = BatchingSettings.from_proto(
        configs.read(
            str(FOLDER / "batching.config"), configs.BatchingParameters
        )
    )
    # Histories differ in length; without it half of all requests would fail.
    assert batching.pad_variable_length_inputs
    assert configs.metrics_path(str(FOLDER / "monitoring.config"))


def expressions():
    for group in documents("alerts.yml")[0]["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    board = json.loads((FOLDER / "grafana" / "dashboard.json").read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in board["templating"]["list"]:
        yield variable["name"], variable["query"]


def exported():
    """Labels by name of a metric."""
    metrics = Metrics()
    metrics.answered("m", "Predict", "GRPC", "OK", 0.001)
    metrics.ran("m", "Predict", 0.001)
    found = {}
    for line in metrics.page().splitlines():
        if matched := LABELS.match(line):
            found[matched[1]] = set(re.findall(r"(\w+)=", matched[2]))
    return found


@pytest.mark.parametrize(("name", "text"), expressions())
def test_expressions_name_metrics_and_labels_that_there_are(name, text):
    known = exported()
    for metric in MEMBERS.findall(text):
        assert metric in known, name
    for metric, labels in LABELS.findall(text):
        assert set(re.findall(r"(\w+)(?:!?=~?)", labels)) <= known[metric]
    for left, right in ("()", "{}", "[]"):
        assert text.count(left) == text.count(right), name


def test_compose_mounts_files_that_there_are():
    services = documents("compose.yaml")[0]["services"]
    assert services["serving"]["image"] == IMAGE
    for service in services.values():
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:")
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (FOLDER / source).is_file(), source
    (source,) = documents("grafana/datasource.yaml")[0]["datasources"]
    board = json.loads((FOLDER / "grafana" / "dashboard.json").read_text())
    for panel in board["panels"]:
        assert panel["datasource"]["uid"] == source["uid"]
    mounted = [v.split(":")[1] for v in services["grafana"]["volumes"]]
    (provider,) = documents("grafana/dashboards.yaml")[0]["providers"]
    assert any(one.startswith(provider["options"]["path"]) for one in mounted)


CLASSES = {
    "Deployment": "V1Deployment",
    "Service": "V1Service",
    "HorizontalPodAutoscaler": "V2HorizontalPodAutoscaler",
    "PodDisruptionBudget": "V1PodDisruptionBudget",
}


def check(value, kind, where, models):
    """Holds a document against the schema that the API's client has."""
    if matched := re.fullmatch(r"list\[(.+)\]", kind):
        assert isinstance(value, list), where
        for number, one in enumerate(value):
            check(one, matched[1], f"{where}[{number}]", models)
    elif matched := re.fullmatch(r"dict\(str, (.+)\)", kind):
        assert isinstance(value, dict), where
        for name, one in value.items():
            check(one, matched[1], f"{where}.{name}", models)
    elif hasattr(models, kind):
        model = getattr(models, kind)
        names = {json: name for name, json in model.attribute_map.items()}
        made = {}
        for name, one in value.items():
            assert name in names, f"{where}.{name} is unknown"
            check(
                one, model.openapi_types[names[name]], f"{where}.{name}", models
            )
            made[names[name]] = one
        # Raises where something that is needed is missing.
        model(**made)
    elif kind in ("str", "int", "bool"):
        assert type(value).__name__ == kind, f"{where} is {value!r}"
    else:
        assert kind == "object", (where, kind)


@pytest.mark.parametrize("kind", list(CLASSES))
def test_kubernetes_documents_fit_the_api(kind):
    models = pytest.importorskip(
        "kubernetes.client", reason="the client comes with the pipeline"
    )
    check(by_kind()[kind], CLASSES[kind], kind, models)


def test_kubernetes_documents_fit_each_other():
    kinds = by_kind()
    assert set(kinds) == set(CLASSES)
    template = kinds["Deployment"]["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert kinds["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert kinds["Service"]["spec"]["selector"] == labels
    assert (
        kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]
        == labels
    )
    container = template["spec"]["containers"][0]
    assert container["image"] == IMAGE
    ports = {port["name"] for port in container["ports"]}
    for port in kinds["Service"]["spec"]["ports"]:
        assert port["targetPort"] in ports
    given = flags(container["args"])
    for port in container["ports"]:
        assert str(port["containerPort"]) in (
            given["port"],
            given["rest_api_port"],
        )
    reference = kinds["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert reference["name"] == kinds["Deployment"]["metadata"]["name"]
    # What is named under /config is in the map that kustomize makes.
    (made,) = documents("kustomization.yaml")[0]["configMapGenerator"]
    volumes = {v["name"]: v for v in template["spec"]["volumes"]}
    assert volumes["config"]["configMap"]["name"] == made["name"]
    for value in given.values():
        if value.startswith("/config/"):
            assert value.removeprefix("/config/") in made["files"]
    assert all((FOLDER / file).is_file() for file in made["files"])
    # No scratch memory: what is asked for is what is allowed, or less.
    mounts = {m["name"] for m in container["volumeMounts"]}
    assert mounts == set(volumes)


def test_kserve_documents():
    services = {
        one["metadata"]["name"]: one for one in documents("kserve.yaml")
    }
    assert list(services) == [warmup.MODEL_NAME, SYSTEM]
    claim = by_kind()["Deployment"]["spec"]["template"]["spec"]["volumes"][0]
    volume = claim["persistentVolumeClaim"]["claimName"]
    for name, service in services.items():
        assert service["apiVersion"] == "serving.kserve.io/v1beta1"
        model = service["spec"]["predictor"]["model"]
        assert model["modelFormat"] == {"name": "tensorflow"}
        assert model["runtimeVersion"] == IMAGE.partition(":")[2]
        assert model["storageUri"] == f"pvc://{volume}/{name}"
