"""The manifests fit Kubernetes' schemas, each other, the image, and the service as it runs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster.manifests import (
    KUSTOMIZATION,
    SECRET,
    VALUES,
    container,
    files,
    objects,
    of_kind,
    pod,
    ports,
    selected,
    settings,
    the,
)
from harness.albums import HASH, make_album
from harness.http import get
from harness.ports import free_port
from harness.readers import need
from harness.scaling import scaling_module
from harness.server import REPOSITORY, Server, serving

from archive_service.config.setting_docs import docs_of, variable
from archive_service.config.settings import Settings

pytestmark = pytest.mark.xdist_group("cluster")

OF_LIBRARIES = {
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"),
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME"),
}
"""Variables that the store's client and the tracing read themselves."""
PLACES = ("PHOTOS_DIR", "HOST", "PORT", "MONITOR_HOST", "MONITOR_PORT", "INDEX_URL")
"""Settings that name places of the cluster."""


def dockerfile() -> str:
    return (REPOSITORY / "Dockerfile").read_text()


def mebibytes(quantity: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * {"Mi": 1, "Gi": 1024}[unit]


def validated(paths: Sequence[Path]) -> subprocess.CompletedProcess[str]:
    need("kubernetes-validate")
    command = ["kubernetes-validate", "--strict", *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def monitor_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, monitor_port: int) -> Iterator[Server]:
    """The service itself, started with the settings of the manifests."""
    photos_dir, cache_dir = map(tmp_path_factory.mktemp, ("photos", "cache"))
    make_album(photos_dir, {"1.jpg": b"one"})
    own = {
        name: value for name, value in settings().items() if name not in (*PLACES, *OF_LIBRARIES)
    }
    flags = ("--monitor-port", str(monitor_port))
    with serving(photos_dir, cache_dir, *flags, variables=own) as server:
        yield server


class TestSchemas:
    def test_every_object_is_one_that_kubernetes_knows(self) -> None:
        result = validated(files())
        assert result.returncode == 0, result.stdout + result.stderr
        told = result.stdout + result.stderr
        assert told.count(" passed for resource ") == len(objects())

    def test_a_field_that_kubernetes_does_not_know_is_noticed(self, tmp_path: Path) -> None:
        budget = dict(the("PodDisruptionBudget"))
        budget["spec"] = {**budget["spec"], "maxUnavailabel": 1}
        (tmp_path / "budget.yaml").write_text(yaml.safe_dump(budget))
        assert validated([tmp_path / "budget.yaml"]).returncode != 0

    def test_all_is_applied_but_what_is_filled_in_by_hand(self) -> None:
        listed = yaml.safe_load(KUSTOMIZATION.read_text())["resources"]
        assert sorted(listed) == [path.name for path in files() if path != SECRET]

    def test_the_namespace_is_one(self) -> None:
        kustomization = yaml.safe_load(KUSTOMIZATION.read_text())
        assert kustomization["namespace"] == the("Namespace", "archive")["metadata"]["name"]
        assert the("Secret")["metadata"]["namespace"] == kustomization["namespace"]


class TestSettings:
    @pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
    def test_each_is_one_of_the_service_or_of_a_library(self, kind: str) -> None:
        known = {*map(variable, docs_of(Settings)), *OF_LIBRARIES}
        named = {*the(kind).get("data", {}), *the(kind).get("stringData", {})}
        assert named
        assert named - known == set()

    def test_the_deployment_reads_both(self) -> None:
        (values, secrets) = container()["envFrom"]
        assert values["configMapRef"]["name"] == the("ConfigMap")["metadata"]["name"]
        assert secrets["secretRef"]["name"] == the("Secret")["metadata"]["name"]

    def test_the_service_listens_where_the_cluster_can_reach_it(self) -> None:
        assert settings()["HOST"] == settings()["MONITOR_HOST"] == "0.0.0.0"
        assert ports() == {
            "archives": int(settings()["PORT"]),
            "monitoring": int(settings()["MONITOR_PORT"]),
        }

    def test_the_index_is_where_the_setting_says(self) -> None:
        host, port = re.fullmatch(r"redis://([\w-]+):(\d+)/0", settings()["INDEX_URL"]).groups()  # type: ignore[union-attr]
        service = the("Service", host)["spec"]
        assert [each["port"] for each in service["ports"]] == [int(port)]
        assert selected(service["selector"]) == ["archive-index"]


class TestTies:
    def test_each_deployment_has_the_pods_that_it_makes(self) -> None:
        for deployment in of_kind("Deployment"):
            labels = deployment["spec"]["selector"]["matchLabels"]
            assert selected(labels) == [deployment["metadata"]["name"]]

    def test_each_service_leads_to_named_ports_of_the_pods_of_its_name(self) -> None:
        for service in of_kind("Service"):
            name = service["metadata"]["name"]
            assert selected(service["spec"]["selector"]) == [name]
            for port in service["spec"]["ports"]:
                assert port["port"] == ports(name)[port["targetPort"]]

    def test_the_ingress_leads_to_the_archives_alone(self) -> None:
        (rule,) = the("Ingress")["spec"]["rules"]
        (path,) = rule["http"]["paths"]
        assert (path["path"], path["pathType"]) == ("/archive/", "Prefix")
        backend = path["backend"]["service"]
        (port,) = the("Service", backend["name"])["spec"]["ports"]
        assert backend["port"]["name"] == port["name"] == "archives"

    def test_nothing_is_buffered_retried_late_or_logged_on_the_way(self) -> None:
        annotations = the("Ingress")["metadata"]["annotations"]
        prefix = "nginx.ingress.kubernetes.io/"
        found = {name.removeprefix(prefix): value for name, value in annotations.items()}
        assert found["proxy-buffering"] == "off"
        assert found["proxy-max-temp-file-size"] == "0"
        assert found["enable-access-log"] == "false"
        assert "non_idempotent" not in found["proxy-next-upstream"]
        assert float(found["proxy-read-timeout"]) >= float(settings()["STALL_TIMEOUT"])

    def test_budget_and_spread_are_about_the_service(self) -> None:
        about = [the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]]
        about += [
            each["labelSelector"]["matchLabels"]
            for each in pod()["spec"]["topologySpreadConstraints"]
        ]
        assert len(about) == 3
        assert all(selected(labels) == ["archive-service"] for labels in about)

    def test_each_policy_names_ports_of_the_pods_it_is_about(self) -> None:
        for policy in of_kind("NetworkPolicy"):
            (name,) = selected(policy["spec"]["podSelector"]["matchLabels"])
            assert name == policy["metadata"]["name"]
            assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
            open_ports = [
                port["port"] for each in policy["spec"]["ingress"] for port in each["ports"]
            ]
            assert sorted(open_ports) == sorted(ports(name))
            assert all(each["from"] for each in policy["spec"]["ingress"])

    def test_the_service_may_ask_for_names_the_index_and_the_store(self) -> None:
        dns, index, store = the("NetworkPolicy")["spec"]["egress"]
        assert {(each["protocol"], each["port"]) for each in dns["ports"]} == {
            ("UDP", 53),
            ("TCP", 53),
        }
        assert selected(index["to"][0]["podSelector"]["matchLabels"]) == ["archive-index"]
        assert [each["port"] for each in index["ports"]] == list(ports("archive-index").values())
        assert [each["port"] for each in store["ports"]] == [443]

    def test_the_index_may_ask_nobody_and_is_asked_by_the_service_alone(self) -> None:
        policy = the("NetworkPolicy", "archive-index")["spec"]
        assert "egress" not in policy
        (rule,) = policy["ingress"]
        (peer,) = rule["from"]
        assert selected(peer["podSelector"]["matchLabels"]) == ["archive-service"]


class TestSafety:
    @pytest.mark.parametrize("name", ["archive-service", "archive-index"])
    def test_pods_have_no_right_that_they_need_not(self, name: str) -> None:
        of_pod = pod(name)["spec"]["securityContext"]
        assert of_pod["runAsNonRoot"] is True
        assert of_pod["runAsUser"] > 0
        assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container(name)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod(name)["spec"]["automountServiceAccountToken"] is False

    def test_user_and_directories_are_those_of_the_image(self) -> None:
        of_pod = pod()["spec"]["securityContext"]
        assert f"\nUSER {of_pod['runAsUser']}:{of_pod['runAsGroup']}\n" in dockerfile()
        cache_dir = re.search(r"CACHE_DIR=(\S+)", dockerfile())
        assert cache_dir
        mounted = {each["mountPath"] for each in container()["volumeMounts"]}
        assert mounted == {cache_dir[1], "/tmp"}
        volumes = {each["name"] for each in pod()["spec"]["volumes"]}
        assert volumes == {each["name"] for each in container()["volumeMounts"]}


class TestSize:
    def test_downloads_have_their_time_after_the_pause_of_the_end(self) -> None:
        command, seconds = container()["lifecycle"]["preStop"]["exec"]["command"]
        assert command == "sleep"
        taken_s = float(seconds) + float(settings()["SHUTDOWN_TIMEOUT"])
        assert pod()["spec"]["terminationGracePeriodSeconds"] >= taken_s + 10

    def test_memory_is_enough_for_the_downloads_that_are_let_in(self) -> None:
        scaling = scaling_module()
        needed_mb = scaling.memory_mb(
            scaling.measured(scaling.results()), int(settings()["MAX_DOWNLOADS"])
        )
        resources = container()["resources"]
        requested_mb = mebibytes(resources["requests"]["memory"]) * 1.048576
        assert needed_mb < requested_mb
        # A fifth above that for what was not measured.
        assert mebibytes(resources["limits"]["memory"]) * 1.048576 > 1.2 * needed_mb

    def test_there_are_more_replicas_before_downloads_are_refused(self) -> None:
        scaler = the("HorizontalPodAutoscaler")["spec"]
        assert scaler["minReplicas"] > the("PodDisruptionBudget")["spec"]["maxUnavailable"]
        (average,) = (
            each["pods"]["target"]["averageValue"]
            for each in scaler["metrics"]
            if each["type"] == "Pods"
        )
        assert int(average) < int(settings()["MAX_DOWNLOADS"])

    def test_the_autoscaler_is_about_the_deployment(self) -> None:
        target = the("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
        deployment = the(target["kind"], target["name"])
        assert deployment["apiVersion"] == target["apiVersion"]
        assert "replicas" not in deployment["spec"]


class TestRunning:
    def test_it_writes_its_log_as_they_say(self, server: Server) -> None:
        assert any(line.startswith("{") for line in server.lines)

    @pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
    def test_each_probe_asks_a_page_that_is_there(
        self, server: Server, monitor_port: int, probe: str
    ) -> None:
        asked = container()[probe]["httpGet"]
        assert ports()[asked["port"]] == int(settings()["MONITOR_PORT"])
        assert get(monitor_port, asked["path"]).status == 200
        assert get(server.port, asked["path"]).status == 404

    @pytest.mark.usefixtures("server")
    def test_what_the_autoscaler_goes_by_is_measured(self, monitor_port: int) -> None:
        names = [
            each["pods"]["metric"]["name"]
            for each in the("HorizontalPodAutoscaler")["spec"]["metrics"]
            if each["type"] == "Pods"
        ]
        scraped = get(monitor_port, "/metrics").content.decode()
        rules: list[dict[str, Any]] = yaml.safe_load(VALUES.read_text())["rules"]["custom"]
        series = [re.match(r"\w+", rule["seriesQuery"]) for rule in rules]
        assert names == [found[0] for found in series if found]
        for name in names:
            assert re.search(rf"^# TYPE {name} gauge$", scraped, re.MULTILINE)
            assert re.search(rf"^{name} ", scraped, re.MULTILINE)

    @pytest.mark.usefixtures("server")
    def test_prometheus_is_told_where(self, monitor_port: int) -> None:
        annotations = pod()["metadata"]["annotations"]
        assert annotations["prometheus.io/port"] == settings()["MONITOR_PORT"]
        assert get(monitor_port, annotations.get("prometheus.io/path", "/metrics")).status == 200

    def test_what_the_ingress_passes_on_is_an_archive(self, server: Server) -> None:
        (rule,) = the("Ingress")["spec"]["rules"]
        path = rule["http"]["paths"][0]["path"]
        assert get(server.port, f"{path}{HASH}/")["content-type"] == "application/zip"
