"""Which Airflow this is, what it does otherwise than the others, and where it keeps what the checks use."""

from __future__ import annotations

from importlib.metadata import version

VERSION = tuple(int(part) for part in version("apache-airflow").split(".")[:2])

# A deferred sensor that comes to its timeout fails, whether or not it has soft_fail.
TIMEOUT_IGNORES_SOFT_FAIL = VERSION < (3, 1)

# Exceptions, the reading of DAG files and the way of arguments between processes moved for the separation of the Task
# SDK from the core. The old places still answer in 3.3, but with a warning.
if VERSION >= (3, 2):
    from airflow._shared.module_loading import import_string
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowRescheduleException,
        AirflowSensorTimeout,
        AirflowSkipException,
        AirflowTaskTimeout,
        TaskDeferralError,
        TaskDeferralTimeout,
        TaskDeferred,
    )
    from airflow.sdk.serde import deserialize, serialize

    serialize_result, deserialize_result = serialize, deserialize
else:
    from airflow.exceptions import (
        AirflowException,
        AirflowRescheduleException,
        AirflowSensorTimeout,
        AirflowSkipException,
        AirflowTaskTimeout,
        TaskDeferralError,
        TaskDeferralTimeout,
        TaskDeferred,
    )
    from airflow.models.dagbag import DagBag
    from airflow.serialization.serde import deserialize as deserialize_result
    from airflow.serialization.serde import serialize as serialize_result
    from airflow.serialization.serialized_objects import BaseSerialization
    from airflow.utils.module_loading import import_string

    # An argument that cannot travel is sent as its text, without a word; such a result of a task is refused.
    serialize, deserialize = BaseSerialization.serialize, BaseSerialization.deserialize

__all__ = [
    "TIMEOUT_IGNORES_SOFT_FAIL",
    "VERSION",
    "AirflowException",
    "AirflowRescheduleException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "DagBag",
    "TaskDeferralError",
    "TaskDeferralTimeout",
    "TaskDeferred",
    "deserialize",
    "deserialize_result",
    "import_string",
    "serialize",
    "serialize_result",
]
