"""The page is built with xml.etree, and shows what the template shows."""

import xml.etree.ElementTree as ElementTree


def _page(run_id: str, processed: dict[str, Any], usage: dict[str, Any], comparison: dict[str, Any]) -> str:
    page = ElementTree.Element("html", lang="en")
    head = ElementTree.SubElement(page, "head")
    ElementTree.SubElement(head, "meta", charset="utf-8")
    ElementTree.SubElement(head, "title").text = "Trigger report"
    body = ElementTree.SubElement(page, "body")

    def add(tag: str, text: str, parent: ElementTree.Element = body) -> None:
        ElementTree.SubElement(parent, tag).text = text

    def seconds(value: float | None) -> str:
        return "unavailable" if value is None else f"{value:.1f} seconds"

    def add_list(title: str, entries: list[Any] | None, describe: Callable[[Any], str] = str) -> None:
        add("h2", title)
        items = ElementTree.SubElement(body, "ul")
        for text in ["unavailable"] if entries is None else list(map(describe, entries)) or ["none"]:
            add("li", text, items)

    add("h1", f"Run {run_id}")
    add("p", f"Saved: {seconds(comparison.get('saved_slot_seconds'))}")
    add("p", f"Waited: {seconds(comparison.get('waited_seconds'))}")
    for approach in ("traditional", "deferrable"):
        held = (comparison.get(approach) or {}).get("slot_seconds")
        add("p", f"Slot time, {approach}: {seconds(held)}")
    add("p", f"Triggerer: {usage.get('triggerer_status') or 'unavailable'}")
    add_list("Valid files", processed.get("valid"), lambda file: file["path"])
    add_list(
        "Invalid files",
        processed.get("invalid"),
        lambda file: f"{file['path']}: {file['reason']}. {file['detail']}",
    )
    add_list("Recommendations", usage.get("recommendations"))
    return "<!doctype html>\n" + ElementTree.tostring(page, encoding="unicode", method="html")


def generate_trigger_report(**context: Any) -> dict[str, Any]:
    ti = context["ti"]
    processed = ti.xcom_pull(task_ids="process_trigger_results") or {}
    usage = ti.xcom_pull(task_ids="monitor_resource_usage") or {}
    comparison = ti.xcom_pull(task_ids="compare_approaches") or {}
    os.makedirs(os.path.dirname(REPORT_FILE), exist_ok=True)
    draft = f"{REPORT_FILE}.{os.getpid()}"
    with open(draft, "w", encoding="utf-8") as file:
        file.write(_page(ti.run_id, processed, usage, comparison))
    os.replace(draft, REPORT_FILE)
    valid, invalid = processed.get("valid", []), processed.get("invalid", [])
    return {
        "report_file": REPORT_FILE,
        "valid_files": [file["path"] for file in valid],
        "invalid_files": [file["path"] for file in invalid],
        "files": len(valid) + len(invalid),
    }
