"""Further parameters, template fields and keys; the check in the worker is a method of its own."""


class MultiDirectorySensorAsync(BaseSensorOperator):
    template_fields: Sequence[str] = ("directories", "file_pattern", "wait_label")
    template_ext: Sequence[str] = ()
    ui_color = "#d8ecd0"

    def __init__(
        self,
        directories: list[str],
        file_pattern: str = "*.csv",
        deferrable: bool = True,
        wait_label: str | None = None,
        max_files: int = MAX_LISTED_FILES,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.directories = directories
        self.file_pattern = file_pattern
        self.deferrable = deferrable
        self.wait_label = wait_label
        self.max_files = max_files
        self.first_check: datetime | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        self.first_check = datetime.now(timezone.utc)
        if not self.deferrable:
            if self.reschedule:  # only Airflow knows when the first of the processes checked
                self.first_check = context["ti"].get_first_reschedule_date(context)
            return super().execute(context)
        outcome = self.poke(context)
        if outcome.is_done:
            return outcome.xcom_value
        trigger = MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval)
        kwargs = {"started_at": [self.first_check.timestamp(), "UTC"], "pokes": 1, "label": self.wait_label}
        self.defer(
            trigger=trigger,
            method_name=MultiDirectorySensorAsync.execute_complete.__name__,
            kwargs=kwargs,
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> PokeReturnValue:
        errors: dict[str, str] = {}
        found: list[_File] = []
        for directory in dict.fromkeys(self.directories):
            found.extend(_result_of(partial(_list_files, directory, self.file_pattern), directory, errors))
        payload = _payload(found, errors, self.directories)
        if payload is None:
            return PokeReturnValue(is_done=False, xcom_value=None)
        return PokeReturnValue(True, self._finish(payload, self.first_check, deferred=False))

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any] | None = None,
        started_at: list[Any] | None = None,
        pokes: int = 0,
        label: str | None = None,
    ) -> dict[str, Any]:
        since = started_at and datetime.fromtimestamp(started_at[0], timezone.utc)
        return self._finish(event, since, deferred=True) | {"worker_pokes": pokes, "label": label}

    def _finish(self, event: dict[str, Any] | None, since: datetime | None, *, deferred: bool) -> dict[str, Any]:
        match event:
            case {"status": "success"}:
                waited = since and (datetime.now(timezone.utc) - since).total_seconds()
                return event | {"deferred": deferred, "waited_seconds": waited, "watched": len(self.directories)}
        raise WaitFailed(event)
