"""CloudWatch: GetMetricData tells apart metrics that differ by namespace or dimensions alone, as AWS does.

moto gives a query without dimensions the data of every metric of that name, and one with dimensions that of every
namespace. So each query is answered by itself, from nothing but its own metric's data.
"""

from __future__ import annotations

from typing import Any

from moto.cloudwatch.models import CloudWatchBackend
from moto.core.exceptions import ServiceException

QUERIES = 500


class Refused(ServiceException):
    """(code, message) of an error that the service's model has."""

    __module__ = "moto.cloudwatch.exceptions"


def same_metric(datum: Any, metric: dict[str, Any]) -> bool:
    wanted = sorted((one["Name"], one["Value"]) for one in metric.get("Dimensions", []))
    has = sorted((one.name, one.value) for one in datum.dimensions)
    return (datum.namespace, datum.name, has) == (metric["Namespace"], metric["MetricName"], wanted)


def install() -> None:
    answer, everything = CloudWatchBackend.get_metric_data, CloudWatchBackend.get_all_metrics

    def get_metric_data(self: CloudWatchBackend, queries: list[dict[str, Any]], **asked: Any) -> list[dict[str, Any]]:
        if len(queries) > QUERIES:
            raise Refused("InvalidParameterValue", f"At most {QUERIES} queries are allowed.")
        if any("MetricStat" not in query for query in queries):
            # expressions stand on the results of the others
            return answer(self, queries=queries, **asked)
        found = []
        for query in queries:
            metric = query["MetricStat"]["Metric"]
            self.get_all_metrics = lambda metric=metric: [d for d in everything(self) if same_metric(d, metric)]
            try:
                found += answer(self, queries=[query], **asked)
            finally:
                del self.get_all_metrics
        return found

    CloudWatchBackend.get_metric_data = get_metric_data
