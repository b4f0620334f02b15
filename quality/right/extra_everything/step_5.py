"""Further keys in every result, entries with more than is asked for, figures from one pass."""

import io


def process_trigger_results(*, max_detail: int = 500, **context: Any) -> dict[str, Any]:
    result = context["ti"].xcom_pull(task_ids=[SENSOR_TASK_ID])[0]
    if not isinstance(result, dict) or not isinstance(result.get("files"), list):
        raise AirflowException(f"no result of {SENSOR_TASK_ID}: {result!r}")
    report: dict[str, Any] = {"valid": [], "invalid": [], "checked": 0}
    for path in result["files"]:
        report["checked"] += 1
        reason, detail, rows, content = "", "", None, b""
        try:
            if not os.path.isfile(path):
                os.stat(path)
                raise OSError("not a regular file")
            with open(path, "rb") as file:
                content = file.read()
            if path.endswith(".csv"):
                rows = len(list(csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")))) - 1
        except FileNotFoundError as error:
            reason, detail = "missing", _reason(error)
        except (OSError, ValueError, csv.Error) as error:
            reason, detail = "unreadable", _reason(error)
        else:
            reason, detail = ("", "") if content else ("empty", "0 bytes")
        entry = {"path": path, "name": os.path.basename(path)}
        if reason:
            report["invalid"].append({**entry, "reason": reason, "detail": detail[:max_detail]})
        else:
            report["valid"].append({**entry, "size": len(content), "rows": rows, "format": "csv" if rows else "other"})
        self_explaining = f"{reason or 'valid'}: {path} {detail}"
        log.log(logging.WARNING if reason else logging.INFO, self_explaining)
    return {**report, "total_files": result["total_files"], "waited_seconds": result["waited_seconds"]}


def monitor_resource_usage(**context: Any) -> dict[str, Any]:
    ti = context["ti"]
    unavailable: dict[str, str] = {}
    sensor = measure("sensor", lambda: ti.xcom_pull(task_ids=SENSOR_TASK_ID), {}) or {}
    health = measure("triggerer_status", lambda: read_airflow_api("/api/v2/monitor/health"), unavailable) or {}
    waited = measure("waited_seconds", lambda: sensor["waited_seconds"], unavailable)
    saved = measure("saved_slot_seconds", lambda: waited if sensor["deferred"] else waited and 0.0, unavailable)
    usage = {
        "deferred_tasks": measure("deferred_tasks", lambda: ti.get_ti_count(ti.dag_id, states=["deferred"]), unavailable),
        "running_tasks": measure("running_tasks", lambda: ti.get_ti_count(ti.dag_id, states=["running"]), unavailable),
        "waited_seconds": waited,
        "saved_slot_seconds": saved,
        "triggerer_status": (health.get("triggerer") or {}).get("status"),
        "scheduler_status": (health.get("scheduler") or {}).get("status"),
        "pools": measure("pools", lambda: read_airflow_api("/api/v2/pools")["pools"], unavailable),
    }
    if usage["triggerer_status"] is None:
        unavailable.setdefault("triggerer_status", "no triggerer has ever run")
    recommendations = [f"{name} is unknown: {reason}" for name, reason in unavailable.items()]
    if saved is not None:
        recommendations.append(f"Saved {saved:.0f} slot seconds." if saved else "Nothing was saved.")
    log.info("Usage: %r, %r", usage, recommendations)
    return {**usage, "unavailable": unavailable, "recommendations": recommendations, "measured_by": ti.task_id}
