"""Which Airflow this is, how it differs from the others, and where it has what the checks use."""
# ruff: noqa: F401, I001 - the checks import the names from here

from __future__ import annotations

from importlib.metadata import version

VERSION = tuple(int(part) for part in version("apache-airflow").split(".")[:2])

# A deferred sensor fails at its timeout, whether or not it has soft_fail.
TIMEOUT_IGNORES_SOFT_FAIL = VERSION < (3, 1)

# These names moved when the Task SDK was separated from the core. The old places still work in 3.3, but with a warning.
if VERSION >= (3, 2):
    from airflow._shared.module_loading import import_string
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.exceptions import AirflowException, AirflowRescheduleException, AirflowSensorTimeout
    from airflow.sdk.exceptions import AirflowSkipException, AirflowTaskTimeout
    from airflow.sdk.exceptions import TaskDeferralError, TaskDeferralTimeout, TaskDeferred
    from airflow.sdk.serde import deserialize, serialize

    serialize_result, deserialize_result = serialize, deserialize
else:
    from airflow.exceptions import AirflowException, AirflowRescheduleException, AirflowSensorTimeout
    from airflow.exceptions import AirflowSkipException, AirflowTaskTimeout
    from airflow.exceptions import TaskDeferralError, TaskDeferralTimeout, TaskDeferred
    from airflow.models.dagbag import DagBag
    from airflow.serialization.serde import deserialize as deserialize_result
    from airflow.serialization.serde import serialize as serialize_result
    from airflow.serialization.serialized_objects import BaseSerialization
    from airflow.utils.module_loading import import_string

    # An argument that cannot be serialized is sent as its text, without an error; such a result of a task is refused.
    serialize, deserialize = BaseSerialization.serialize, BaseSerialization.deserialize
