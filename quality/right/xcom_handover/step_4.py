"""What execute_complete needs travels as XComs, not in defer(kwargs=...)."""


class MultiDirectorySensorAsync(BaseSensorOperator):
    template_fields: Sequence[str] = ("directories", "file_pattern")

    STARTED_AT = "first_check_at"

    def __init__(
        self, directories: list[str], file_pattern: str = "*.csv", deferrable: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.directories = directories
        self.file_pattern = file_pattern
        self.deferrable = deferrable

    def execute(self, context: Context) -> dict[str, Any]:
        if not self.deferrable:
            self._started_at = time.time()
            return super().execute(context)
        started_at = datetime.now(timezone.utc)
        if payload := self._check():
            waited = (datetime.now(timezone.utc) - started_at).total_seconds()
            return {**payload, "deferred": False, "waited_seconds": waited}
        context["ti"].xcom_push(key=self.STARTED_AT, value=started_at.isoformat())
        self.defer(
            trigger=MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> PokeReturnValue:
        payload = self._check()
        if payload is None:
            return PokeReturnValue(False)
        started_at = None if self.reschedule else getattr(self, "_started_at", None)
        waited = None if started_at is None else time.time() - started_at
        return PokeReturnValue(True, {**payload, "deferred": False, "waited_seconds": waited})

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        if not event or event.get("status") != "success":
            raise WaitFailed(event)
        ti = context["ti"]
        started_at = ti.xcom_pull(task_ids=ti.task_id, key=self.STARTED_AT)
        waited = None
        if started_at is not None:
            waited = (datetime.now(timezone.utc) - datetime.fromisoformat(started_at)).total_seconds()
        return {**event, "deferred": True, "waited_seconds": waited}

    def _check(self) -> dict[str, Any] | None:
        errors: dict[str, str] = {}
        found = [
            _result_of(partial(_list_files, directory, self.file_pattern), directory, errors)
            for directory in dict.fromkeys(self.directories)
        ]
        payload = _payload(sum(found, []), errors, self.directories)
        if payload and payload["status"] == "error":
            raise WaitFailed(payload)
        return payload
