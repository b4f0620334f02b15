"""The machines of Step 3, on other terms."""


class AdvancedMultiDirectoryTrigger(BaseTrigger):
    def __init__(
        self,
        directories: dict[str, int],
        file_patterns: list[str],
        check_interval: float = 10,
        stable_seconds: float = 20,
        max_retries: int = 5,
        backoff_base: float = 1,
        backoff_cap: float = 60,
    ) -> None:
        super().__init__()
        self.arguments = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        match self.arguments:
            case {"directories": {}} if not directories:
                raise ValueError("no directories")
            case {"file_patterns": str() | []}:
                raise ValueError("file_patterns must be a list of one or more patterns")
        if min(check_interval, backoff_base, backoff_cap) <= 0 or min(stable_seconds, max_retries) < 0:
            raise ValueError(f"a number is out of its range: {self.arguments}")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "trigger_implementation_exercise.AdvancedMultiDirectoryTrigger", self.arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        priorities, patterns, interval, stable_seconds, max_retries, base, cap = self.arguments.values()

        def pause_after(failures: int) -> float | None:
            return None if failures > max_retries else min(base * 2.0 ** min(failures - 1, 1000), cap)

        ranked = [path for path, _ in sorted(priorities.items(), key=lambda item: (item[1], item[0]))]
        match await _watch(ranked, _Terms(patterns, interval, stable_seconds, pause_after)):
            case {"status": "success", "filename": name, "directory": directory} as payload:
                payload["pattern"] = next(pattern for pattern in patterns if _matching([name], pattern))
                payload["priority"] = priorities[directory]
                yield TriggerEvent(payload)
            case payload:
                yield TriggerEvent(payload)
