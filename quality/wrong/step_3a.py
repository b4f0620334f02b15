"""Wrong solutions of Step 3a: the trigger is built, serialized, and rebuilt in another process."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

_SLEPT = "await asyncio.sleep(next_round - loop.time())"
_AFTER_A_RUN = "test_serialize_is_the_same_after_a_run"

_INIT = "MultiDirectoryTrigger.__init__"
_SERIALIZE = "MultiDirectoryTrigger.serialize"
_WAIT = "MultiDirectoryTrigger._wait_for_files"

_NO_WORK = "test_construction_does_no_work"


def _while_built(name: str, mistake: Mistake, work: str) -> Wrong:
    """Return a wrong solution whose `__init__` also does this work."""
    stored = "self.check_interval = check_interval"
    return Wrong(name, _NO_WORK, mistake).within(_INIT, stored, f"{stored}\n{work}")


WRONG = [
    Wrong("s3-classpath-module", "test_a_triggerer_can_rebuild_it", Mistake.CLASS_PATH_NOT_IMPORTABLE).within(
        _SERIALIZE,
        "'trigger_implementation_exercise.MultiDirectoryTrigger'",
        'f"{type(self).__module__}.{type(self).__qualname__}"',
    ),
    Wrong(
        "s3-init-accepts-str", "test_refuses_invalid_arguments[a str for a list]", Mistake.ARGUMENTS_NOT_VALIDATED
    ).within(_INIT, "isinstance(directories, str) or not directories", "not directories"),
    Wrong("s3-init-accepts-zero", "test_refuses_invalid_arguments[interval 0]", Mistake.ARGUMENTS_NOT_VALIDATED).within(
        _INIT, "check_interval <= 0", "check_interval < 0"
    ),
    _while_built("s3-init-clock", Mistake.CLOCK_IN_INIT, "self.give_up_at = time.time() + 3600"),
    _while_built("s3-init-hook", Mistake.CONNECTION_OR_VARIABLE_IN_INIT, 'self.hook = FSHook("fs_default")').adding(
        "from airflow.providers.standard.hooks.filesystem import FSHook"
    ),
    _while_built("s3-init-http-client", Mistake.EVENT_LOOP_OBJECT_IN_INIT, "self.client = httpx.AsyncClient()"),
    _while_built(
        "s3-init-isdir-valueerror",
        Mistake.WORK_IN_INIT,
        """
if not all(map(os.path.isdir, directories)):
    raise ValueError(f"not all of these directories exist: {directories}")
""",
    ),
    _while_built("s3-init-lock", Mistake.EVENT_LOOP_OBJECT_IN_INIT, "self.lock = asyncio.Lock()"),
    _while_built(
        "s3-init-reads-connection",
        Mistake.CONNECTION_OR_VARIABLE_IN_INIT,
        'self.root = Connection.get("fs_default").extra_dejson["path"]',
    ),
    _while_built(
        "s3-init-reads-variable", Mistake.CONNECTION_OR_VARIABLE_IN_INIT, 'self.owner = Variable.get("owner", None)'
    ).adding("from airflow.sdk import Variable"),
    _while_built(
        "s3-init-realpath",
        Mistake.WORK_IN_INIT,
        "self.directories = [os.path.realpath(directory) for directory in directories]",
    ),
    _while_built(
        "s3-init-socket",
        Mistake.NETWORK_OR_SLEEP_IN_INIT,
        'with suppress(OSError):\n    socket.create_connection(("127.0.0.1", 9), timeout=1).close()',
    ).adding("import socket"),
    Wrong("s3-interval-grows", _AFTER_A_RUN, Mistake.STATE_IN_SERIALIZE).within(
        _WAIT,
        _SLEPT,
        """
        await asyncio.sleep(next_round - loop.time())
        self.check_interval = min(self.check_interval * 2, 300)
        """,
    ),
    Wrong("s3-left-out-dropped-from-self", _AFTER_A_RUN, Mistake.STATE_IN_SERIALIZE).within(
        _WAIT,
        _SLEPT,
        """
        self.directories = [path for path in directories if path not in errors]
        await asyncio.sleep(next_round - loop.time())
        """,
    ),
    Wrong("s3-serialize-int-interval", "test_serializes_all_arguments", Mistake.ARGUMENT_LOST_OR_CHANGED).within(
        _SERIALIZE, "self.check_interval", "int(self.check_interval)"
    ),
    Wrong("s3-serialize-omits-interval", "test_serializes_all_arguments", Mistake.ARGUMENT_NOT_SERIALIZED).within(
        _SERIALIZE, "'check_interval': self.check_interval", ""
    ),
    Wrong("s3-serialize-paths", "test_arguments_are_plain_json", Mistake.TRIGGERS_ARGUMENTS_ARE_NOT_PLAIN_JSON)
    .adding("from pathlib import Path")
    .within(_INIT, "list(directories)", "[Path(directory) for directory in directories]"),
    Wrong("s3-serialize-renamed-key", "test_serializes_all_arguments", Mistake.ARGUMENT_NOT_SERIALIZED).within(
        _SERIALIZE, "'file_pattern': self.file_pattern", '"pattern": self.file_pattern'
    ),
]
