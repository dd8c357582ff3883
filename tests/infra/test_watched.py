"""What is watched, who is told, and what stands around the functions: alarms, the dashboard, logs, concurrency, CORS, names, addresses."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from casework.correlation import HEADER, TRACE
from handlers import UNITS
from local import server
from tests.infra.test_template import ROOT, UPDATE, Template, of_type, packaged

PAGE = ROOT / "docs" / "operations.md"
OURS = {"service": "giamsat", "stage": {"Ref": "Stage"}}
# What a dimension names, and the kind of resource that it must be.
NAMED = {
    "FunctionName": "AWS::Lambda::Function",
    "QueueName": "AWS::SQS::Queue",
    "TableName": "AWS::DynamoDB::Table",
    "ApiId": "AWS::ApiGatewayV2::Api",
}
# The metrics of each namespace that are looked at, and by which dimension.
METRICS = {
    "giamsat": {"MergeDelay", "SweepLag", "TrailChanged", "SetAside"},
    "AWS/Lambda": {"Invocations", "Errors", "Throttles", "IteratorAge", "ConcurrentExecutions"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
    "AWS/DynamoDB": {"WriteThrottleEvents"},
    "AWS/ApiGateway": {"Count", "4xx", "5xx", "Latency", "ConnectCount", "MessageCount", "ExecutionError"},
}
BY = {"AWS/Lambda": "FunctionName", "AWS/SQS": "QueueName", "AWS/DynamoDB": "TableName", "AWS/ApiGateway": "ApiId"}
HTTP, SOCKETS = {"Count", "4xx", "5xx", "Latency"}, {"ConnectCount", "MessageCount", "ExecutionError"}
# What each alarm looks at. Those of runs take silence for the fault that it is.
WANTED = {
    "api-5xx": {"5xx"},
    "errors": {"Errors"},
    "merge-delay": {"MergeDelay"},
    "parcels-dead": {"ApproximateNumberOfMessagesVisible"},
    "sequencer-runs": {"Invocations"},
    "set-aside": {"ApproximateNumberOfMessagesVisible"},
    "sockets-5xx": {"ExecutionError", "Errors"},
    "stream-age": {"IteratorAge"},
    "sweep-lag": {"SweepLag"},
    "sweep-runs": {"Invocations"},
    "tables-throttled": {"WriteThrottleEvents"},
    "tasks-age": {"IteratorAge"},
    "throttles": {"Throttles"},
    "trail-changed": {"TrailChanged"},
}
SILENT = {"sequencer-runs", "sweep-runs"}
# What an access log may say: nothing of who asked, from where, or for what.
SAID = {"requestTimeEpoch", "requestId", "routeKey", "status", "responseLength", "responseLatency", "integrationLatency", "connectionId",
        "eventType"}  # fmt: skip


def test_each_figure_of_the_functions_is_a_metric() -> None:
    assert set(UNITS) == METRICS["giamsat"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    found: Template = json.loads((packaged(tmp_path_factory.mktemp("watched")) / UPDATE).read_text())
    return found


@pytest.fixture(scope="module")
def alarms(template: Template) -> dict[str, Any]:
    """The alarms by their names, without the stage."""
    return {
        alarm["AlarmName"]["Fn::Sub"].removeprefix("giamsat-${Stage}-"): alarm
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
    }


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    found = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
    return found or [{name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions")}]


def resource(template: Template, value: dict[str, Any]) -> tuple[str, str]:
    """Give the logical id that a dimension names, and its kind."""
    name = value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]
    return name, template["Resources"][name]["Type"]


def names(template: Template, metric: dict[str, Any]) -> list[str]:
    """Give what a metric is of, after looking whether there is such a metric of such a thing."""
    assert metric["MetricName"] in METRICS[metric["Namespace"]]
    dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
    if metric["Namespace"] == "giamsat":
        assert dimensions == OURS
        return []
    assert set(dimensions) == {BY[metric["Namespace"]]}
    ((dimension, value),) = dimensions.items()
    name, kind = resource(template, value)
    assert kind == NAMED[dimension]
    if kind == NAMED["ApiId"]:
        assert metric["MetricName"] in (HTTP if name == "HttpApi" else SOCKETS)
    return [name]


def functions(template: Template) -> set[str]:
    return set(of_type(template, "AWS::Lambda::Function"))


# Alarms


def test_each_wanted_alarm_is_there_and_looks_at_what_there_is(template: Template, alarms: dict[str, Any]) -> None:
    assert {name: {metric["MetricName"] for metric in metrics(alarm)} for name, alarm in alarms.items()} == WANTED
    seen = {name: [of for metric in metrics(alarm) for of in names(template, metric)] for name, alarm in alarms.items()}
    assert sorted(seen["throttles"]) == sorted(functions(template))
    assert sorted([*seen["errors"], "ApiLambdaFunction", "SocketsLambdaFunction"]) == sorted(functions(template))
    assert set(seen["tables-throttled"]) == set(of_type(template, "AWS::DynamoDB::Table"))
    assert [seen[name] for name in ("sweep-runs", "sequencer-runs")] == [["SweepLambdaFunction"], ["SequencerLambdaFunction"]]
    assert [seen[name] for name in ("stream-age", "tasks-age")] == [["StreamLambdaFunction"], ["TasksLambdaFunction"]]
    assert [seen[name] for name in ("set-aside", "parcels-dead")] == [["SetAside"], ["ParcelsDead"]]


def test_every_queue_that_keeps_what_failed_has_an_alarm(template: Template, alarms: dict[str, Any]) -> None:
    failed = {queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
              for queue in of_type(template, "AWS::SQS::Queue").values() if "RedrivePolicy" in queue}  # fmt: skip
    watched = {name for alarm in alarms.values() for metric in metrics(alarm) for name in names(template, metric)}
    assert failed <= watched


def test_an_alarm_is_told_and_says_where_to_read_on(alarms: dict[str, Any]) -> None:
    for name, alarm in alarms.items():
        assert alarm["AlarmDescription"].endswith(f". docs/operations.md#{name}")
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        assert ("OKActions" in alarm) == (name != "trail-changed")  # what was changed stays so
        assert alarm["TreatMissingData"] == ("breaching" if name in SILENT else "notBreaching")
        assert alarm.get("Period", 60) == 60
        assert alarm["DatapointsToAlarm"] <= alarm["EvaluationPeriods"]


def test_what_to_do_is_written(alarms: dict[str, Any]) -> None:
    told = PAGE.read_text()
    assert [name for name in alarms if not re.search(rf'^#+ `?{name}`?$|<a (id|name)="{name}">', told, re.MULTILINE)] == []


def test_alarms_can_tell_their_topic(template: Template) -> None:
    (topic,) = of_type(template, "AWS::SNS::Topic").values()
    key = template["Resources"][topic["KmsMasterKeyId"]["Ref"]]["Properties"]
    allowed = [
        statement for statement in key["KeyPolicy"]["Statement"] if statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    ]
    assert [set(statement["Action"]) for statement in allowed] == [{"kms:Decrypt", "kms:GenerateDataKey*"}]
    assert key["EnableKeyRotation"] is True
    assert template["Resources"]["AlarmSubscription"]["Condition"] == "HasAlarmAddress"


# The dashboard


def test_the_dashboard_shows_what_there_is(template: Template, alarms: dict[str, Any]) -> None:
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    first, *widgets = json.loads(body)["widgets"]
    assert {arn.removeprefix("${").removesuffix(".Arn}") for arn in first["properties"]["alarms"]} == set(
        of_type(template, "AWS::CloudWatch::Alarm")
    )
    assert len(first["properties"]["alarms"]) == len(alarms)
    shown = set()
    for widget in widgets:
        assert (widget["type"], widget["properties"]["region"]) == ("metric", "${AWS::Region}")
        for row in widget["properties"]["metrics"]:
            namespace, name, *rest = row[:-1] if isinstance(row[-1], dict) else row
            dimensions = [{"Name": key, "Value": written(value)} for key, value in zip(rest[::2], rest[1::2], strict=True)]
            names(template, {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions})
            shown.add((namespace, name))
    assert shown >= {("giamsat", name) for name in METRICS["giamsat"]}
    places = [(x, y) for widget in [first, *widgets] for x in range(widget["x"], widget["x"] + widget["width"])
              for y in range(widget["y"], widget["y"] + widget["height"])]  # fmt: skip
    assert (len(places), max(x for x, _ in places)) == (len(set(places)), 23)  # a row has 24 columns, and no two are on one place


def written(value: str) -> Any:  # noqa: ANN401 - as a template has it
    """Give what stands in a dashboard as it would stand in an alarm."""
    if found := re.fullmatch(r"\$\{(\w+)\}", value):
        return {"Ref": found[1]}
    if found := re.fullmatch(r"\$\{(\w+)\.(\w+)\}", value):
        return {"Fn::GetAtt": [found[1], found[2]]}
    return value


# Around the functions


def test_logs_are_kept_ninety_days_and_say_nothing_of_who_asked(template: Template) -> None:
    groups = of_type(template, "AWS::Logs::LogGroup")
    assert {group["RetentionInDays"] for group in groups.values()} == {90}
    assert set(groups) == {name.replace("LambdaFunction", "LogGroup") for name in functions(template)} | {
        "HttpApiLogGroup",
        "SocketsAccessLog",
    }
    http = template["Resources"]["HttpApiStage"]["Properties"]["AccessLogSettings"]
    condition, sockets, otherwise = template["Resources"]["WebsocketsDeploymentStage"]["Properties"]["AccessLogSettings"]["Fn::If"]
    assert (condition, otherwise) == ("LogsSockets", {"Ref": "AWS::NoValue"})
    assert template["Resources"]["SocketsAccessLog"]["Condition"] == "LogsSockets"
    for log in (http, sockets):
        line = json.loads(log["Format"])
        assert {value.removeprefix("$context.") for value in line.values()} <= SAID


def test_concurrency_is_reserved_only_where_the_account_has_it(template: Template) -> None:
    reserved = {name.removesuffix("LambdaFunction").lower(): function.get("ReservedConcurrentExecutions")
                for name, function in of_type(template, "AWS::Lambda::Function").items()}  # fmt: skip
    numbers = {"api": 400, "sockets": 200, "fanout": 4, "heartbeat": 2, "sweep": 2, "sequencer": 2}
    assert reserved == {"stream": None, "tasks": None} | {
        name: {"Fn::If": ["Reserves", number, {"Ref": "AWS::NoValue"}]} for name, number in numbers.items()
    }
    least = sum(numbers.values()) + 100  # which AWS wants to be left
    assert f"less than {least}" in (ROOT / "docs" / "settings.md").read_text()
    (parcels,) = [mapping for mapping in of_type(template, "AWS::Lambda::EventSourceMapping").values() if "ScalingConfig" in mapping]
    assert parcels["ScalingConfig"]["MaximumConcurrency"] == numbers["fanout"]


def test_a_minute_that_was_missed_is_not_made_up_for(template: Template) -> None:
    found = {config["FunctionName"]["Ref"]: config for config in of_type(template, "AWS::Lambda::EventInvokeConfig").values()}
    started = [rule["Targets"][0]["Arn"]["Fn::GetAtt"][0] for rule in of_type(template, "AWS::Events::Rule").values()]
    assert sorted(found) == sorted(started)
    assert all((config["MaximumEventAgeInSeconds"], config["MaximumRetryAttempts"]) == (60, 0) for config in found.values())


def test_functions_are_traced_only_where_it_is_asked_for_and_not_versioned(template: Template) -> None:
    assert not of_type(template, "AWS::Lambda::Version")
    for function in of_type(template, "AWS::Lambda::Function").values():
        assert "SnapStart" not in function
        assert function["TracingConfig"] == {"Fn::If": ["Traces", {"Mode": "Active"}, {"Ref": "AWS::NoValue"}]}
        assert function["MemorySize"] == 1024
    for role in of_type(template, "AWS::IAM::Role").values():
        (traces,) = [policy["Fn::If"] for policy in role["Policies"] if "xray" in str(policy)]
        assert (traces[0], traces[2]) == ("Traces", {"Ref": "AWS::NoValue"}), "the right goes with what it is for"


def test_pages_may_ask_over_http_from_where_they_may_open_sockets(template: Template) -> None:
    condition, cors, otherwise = template["Resources"]["HttpApi"]["Properties"]["CorsConfiguration"]["Fn::If"]
    assert (condition, otherwise) == ("HasOrigins", {"Ref": "AWS::NoValue"})
    assert cors.pop("AllowOrigins") == {"Fn::Split": [",", {"Ref": "Origins"}]}
    assert cors == {
        "AllowMethods": ["GET", "POST"], "AllowHeaders": ["authorization", "content-type", TRACE, HEADER],
        "ExposeHeaders": [HEADER], "MaxAge": 600,
    }  # fmt: skip
    here = re.search(r"CORSMiddleware,(.*?)\n    \)", Path(server.__file__).read_text(), re.DOTALL)
    assert here  # one machine answers the same
    assert 'allow_methods=["GET", "POST"]' in here[1]
    assert 'allow_headers=["authorization", "content-type", TRACE, HEADER]' in here[1]
    assert "expose_headers=[HEADER]" in here[1]
    assert "max_age=600" in here[1]


def test_a_name_of_its_own_is_made_only_where_there_is_one(template: Template) -> None:
    made = {name: (resource["Type"].rpartition("::")[2], resource.get("Condition")) for name, resource in template["Resources"].items()}
    assert {name: about for name, about in made.items() if about[0] in {"DomainName", "ApiMapping", "RecordSet"}} == {
        "HttpDomain": ("DomainName", "HasDomain"),
        "HttpMapping": ("ApiMapping", "HasDomain"),
        "HttpRecord": ("RecordSet", "HasZone"),
        "SocketsDomain": ("DomainName", "HasDomain"),
        "SocketsMapping": ("ApiMapping", "HasDomain"),
        "SocketsRecord": ("RecordSet", "HasZone"),
    }


def test_the_stack_tells_its_addresses(template: Template) -> None:
    wanted = {"Address", "SocketsAddress", "VaultBucket", "DepotBucket", "LogKeyArn", "AlarmTopicArn", "DashboardAddress"}
    assert wanted <= set(template["Outputs"])
    assert (
        template["Outputs"]["Address"]["Value"]["Fn::If"][0] == template["Outputs"]["SocketsAddress"]["Value"]["Fn::If"][0] == "HasDomain"
    )
