"""Mistakes that the checks recognise: what each would do on a real Airflow 3.3.2, and where to read about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """A mistake.

    :param name: as the checks name it.
    :param consequence: what would happen on a real Airflow, in whole sentences.
    :param read: a docstring of the exercise, or the address of a page.
    """

    name: str
    consequence: str
    read: str


# What no check names: it is told by the kind of the failure.
NOT_DONE = "not done yet"
RAISES = "raises where it must not"
NEVER_ENDS = "does not end"

_DOCS = "https://airflow.apache.org/docs/apache-airflow/3.3.2"
_CALLBACKS = f"{_DOCS}/administration-and-deployment/logging-monitoring/callbacks.html"
_DAGS = f"{_DOCS}/core-concepts/dags.html"
_DEFERRING = f"{_DOCS}/authoring-and-scheduling/deferring.html"
_INTERFACE = f"{_DOCS}/public-airflow-interface.html"
_OPERATORS = f"{_DOCS}/core-concepts/operators.html"
_SETUP = f"{_DOCS}/howto/setup-and-teardown.html"
_XCOMS = f"{_DOCS}/core-concepts/xcoms.html"

_CALLED = "docstring of what was called"
_FILE = "docstring of the file"
_SET_UP = "docstring of set_up_directories"
_CLEAN_UP = "docstring of clean_up_directories"
_LOG_SLOT = "docstring of log_worker_slot"
_TRIGGER = "docstring of MultiDirectoryTrigger"
_TRIGGER_COUNTS = f"{_TRIGGER}, 'What counts'"
_TRIGGER_WHEN = f"{_TRIGGER}, 'When'"
_TRIGGER_DIRECTORIES = f"{_TRIGGER}, 'Directories'"
_TRIGGER_MANNERS = f"{_TRIGGER}, 'Good manners'"
_TRIGGER_INIT = f"{_TRIGGER}.__init__"
_TRIGGER_SERIALIZE = f"{_TRIGGER}.serialize"
_TRIGGER_RUN = f"{_TRIGGER}.run"
_SENSOR = "docstring of MultiDirectorySensorAsync"
_SENSOR_INIT = f"{_SENSOR}.__init__"
_SENSOR_EXECUTE = f"{_SENSOR}.execute"
_SENSOR_COMPLETE = f"{_SENSOR}.execute_complete"
_PROCESS = "docstring of process_trigger_results"
_USAGE = "docstring of monitor_resource_usage"
_FAILURE = "docstring of handle_trigger_failure"
_COMPARE = "docstring of compare_approaches"
_REPORT = "docstring of generate_trigger_report"
_ADVANCED = "docstring of AdvancedMultiDirectoryTrigger"
_ADVANCED_STABLE = f"{_ADVANCED}, 'Stable files'"
_ADVANCED_PRIORITY = f"{_ADVANCED}, 'Priority'"
_ADVANCED_PATTERNS = f"{_ADVANCED}, 'Several patterns'"
_ADVANCED_BACKOFF = f"{_ADVANCED}, 'Backoff'"
_METRICS = "docstring of collect_trigger_metrics"
_API_RUN = "docstring of ApiTrigger.run"
_RULE_RUN = "docstring of BusinessRuleTrigger.run"
_RULE = "docstring of enough_clients_delivered"
_WAIT_COMPLETE = "docstring of WaitForTrigger.execute_complete"

_ALL = (
    # ── Anywhere ──
    Mistake(
        NOT_DONE,
        "The task that comes to the starter's NotImplementedError fails, and so does its retry.",
        _CALLED,
    ),
    Mistake(
        RAISES,
        "An exception that nobody expects fails the task, or the wait if it is a trigger's. A retry after two minutes "
        "ends the same way.",
        _CALLED,
    ),
    Mistake(
        NEVER_ENDS,
        "A task that does not end holds its worker slot until somebody kills it. If it is on the triggerer's event "
        "loop, all other triggers stand still with it.",
        _TRIGGER_MANNERS,
    ),
    Mistake(
        "waits in the worker",
        "The task sleeps in its worker slot for the whole wait. With as many waits as slots nothing else runs; the UI "
        "shows `running`, never `deferred`.",
        _DEFERRING,
    ),
    Mistake(
        "result is not plain JSON",
        "A Path or an exception in a result is an error when it is pushed to XCom; a tuple comes to the next task as a "
        "list. Either way it is not what was returned.",
        _XCOMS,
    ),
    Mistake(
        "result is no dict",
        "The next task asks the XCom for a key and fails, with an error that points at the wrong task.",
        _FILE,
    ),
    Mistake(
        "result without a key",
        "Whoever takes the result from XCom fails with a KeyError, in another task than the one that left it out.",
        _FILE,
    ),
    Mistake(
        "returns nothing",
        "The task is green and has no XCom. `xcom_pull` gives None to the next task; a mapped one fails with "
        "XComForMappingNotPushed.",
        _XCOMS,
    ),
    Mistake(
        "missing name",
        "What asks for the name gets an AttributeError. If it is a trigger's class, the triggerer logs "
        '"Trigger failed to load code" and the task fails.',
        _FILE,
    ),
    # ── The DAGs ──
    Mistake(
        "the DAG file does not parse",
        "The UI shows an import error in place of the DAG. No new run begins, and a task that comes back from the "
        "triggerer fails at its start.",
        _FILE,
    ),
    Mistake("missing DAG", "The DAG is not in the UI, and `airflow dags trigger` does not find it.", _FILE),
    Mistake(
        "missing task",
        "The grid has no such task. What should wait for it begins without it, and `xcom_pull` of its result gives "
        "None.",
        _FILE,
    ),
    Mistake(
        "task runs another's function",
        "One function runs twice and another never, and both tasks are green. What comes after does not find what "
        "it needs in the XCom.",
        _FILE,
    ),
    Mistake(
        "deprecated import",
        "Each parse of the file warns of it. When a later Airflow drops the old path, the DAG turns into an import "
        "error.",
        _INTERFACE,
    ),
    Mistake(
        "warns when imported",
        "Each parse of the file logs the warning, every 30 seconds or so, and the one warning that matters drowns.",
        _INTERFACE,
    ),
    Mistake(
        "retries not as asked for every task",
        "A disturbance of seconds fails a task for good that a second try would have saved, or the second try comes "
        "days later.",
        f"{_FILE}, 'Step 1'",
    ),
    Mistake(
        "begins before what it needs",
        "A task begins before what it needs: its XCom is None, or the clean-up removes directories while a sensor "
        "still watches them.",
        _DAGS,
    ),
    Mistake(
        "a task of the run failed",
        "`airflow dags test` ends in `failed`: one task is red, what comes after it `upstream_failed`; only the "
        "teardown still runs.",
        _FILE,
    ),
    Mistake(
        "template cannot be rendered",
        "The task fails before it begins, with UndefinedError. A run that is started by hand has no logical date, so "
        "there is no `logical_date` and no `ds` to put in.",
        _FILE,
    ),
    # ── Set-up and clean-up ──
    Mistake(
        "no setup task",
        "Airflow takes it for ordinary work: who clears a wait to repeat it does not get the directories made again, "
        "because only setups and teardowns are cleared along.",
        _SETUP,
    ),
    Mistake(
        "no teardown",
        "When a task before it fails, the clean-up is `upstream_failed` and does not run: after each failed run the "
        "directories stay.",
        _SETUP,
    ),
    Mistake(
        "set-up and clean-up not joined",
        "The clean-up is not given what the set-up made, so it removes nothing, green as it is: the directories stay, "
        "run after run.",
        _SETUP,
    ),
    Mistake(
        "directory not made",
        "The clients have no place to put their files, and the report none to be written to: the sensors wait until "
        "their timeout.",
        _SET_UP,
    ),
    Mistake(
        "says it made more or less than it did",
        "The teardown removes what the set-up says that it made: what was left out stays for ever, and what was there "
        "before is removed.",
        _SET_UP,
    ),
    Mistake(
        "set-up overwrites what was there",
        "Every run and every retry writes over what a client or a colleague has put there, and no log says so.",
        _SET_UP,
    ),
    Mistake(
        "no README.txt",
        "Whoever is to put files into the directory finds nothing there that says what belongs into it.",
        _SET_UP,
    ),
    Mistake(
        "clean-up deletes data",
        "The teardown runs even after a failed run, and what it did not make is gone for good: a client's upload, the "
        "report. The run looks fine.",
        _CLEAN_UP,
    ),
    Mistake(
        "clean-up removes what it did not make",
        "A directory that somebody else has made for his own purpose is gone after the run, and whatever writes to it "
        "fails.",
        _CLEAN_UP,
    ),
    Mistake(
        "clean-up leaves what the set-up made",
        "The teardown is green and the directories are still there, more of them with every run.",
        _CLEAN_UP,
    ),
    Mistake(
        "says it removed more or less than it did",
        "The log and the XCom of the teardown are wrong, so nobody can tell from them where a file has gone.",
        _CLEAN_UP,
    ),
    Mistake(
        "None taken for everything",
        "If the set-up fails, its XCom is None, the teardown runs all the same, and it removes what it was never told "
        "to: directories of other runs, or of before.",
        _CLEAN_UP,
    ),
    Mistake(
        "fails over what is gone",
        "A retry of the teardown meets what the first try has removed, and fails again: a run whose work was fine ends "
        "with a red clean-up.",
        _CLEAN_UP,
    ),
    # ── The sensors: deferring ──
    Mistake(
        "no FileSensor",
        "What stands in its place need not look for the file at all, or brings no trigger for it: the task is green "
        "too soon, or holds a slot.",
        f"{_FILE}, 'Step 2'",
    ),
    Mistake(
        "not the sensor that was asked for",
        "What is known of the sensor that was asked for, and what is mended in it, does not hold here: the task "
        "treats timeouts, errors and events in ways of its own.",
        _FILE,
    ),
    Mistake(
        "not deferrable",
        "The sensor sleeps in its worker slot for the whole wait. With as many waits as slots nothing else runs; the "
        "UI shows `running`, never `deferred`.",
        _DEFERRING,
    ),
    Mistake(
        "does not defer",
        "The task goes on without waiting and is green although nothing has come, or it sleeps in its worker slot; "
        "the UI never shows `deferred`.",
        _DEFERRING,
    ),
    Mistake(
        "defers without looking",
        "A file that is there costs a second start of a worker. A trigger that fires at once can even get the task "
        'failed by the scheduler: "finished with state success, but … queued".',
        _SENSOR_EXECUTE,
    ),
    Mistake(
        "defers though it must not",
        "A workflow that asked for the old way defers all the same. Where no triggerer runs, the task stays in "
        "`deferred` until its timeout, and no log says why.",
        _SENSOR_EXECUTE,
    ),
    Mistake(
        "defers to another trigger",
        "The wait is for something else, and its event has another form: the task goes on at the wrong moment, or "
        "fails in execute_complete after the whole wait.",
        _SENSOR_EXECUTE,
    ),
    Mistake(
        "trigger is told something else",
        "The triggerer watches other directories, or for another pattern, than the sensor was asked for: the file "
        "comes, and nobody sees it.",
        _SENSOR_EXECUTE,
    ),
    Mistake(
        "poke_interval not passed on",
        "The trigger looks at its default pace: somebody who asked for a look every 10 minutes, to spare a share, puts "
        "60 times the load on it.",
        _SENSOR_EXECUTE,
    ),
    Mistake(
        "looks too seldom",
        "A file that came just after a look lies there for the whole interval, and everything after it is late by as "
        "much.",
        _FILE,
    ),
    Mistake(
        "timeout of the wait not set",
        "A file that never comes is waited for, by default, for seven days before anybody is told. execution_timeout "
        "does not end a deferral.",
        f"{_FILE}, 'gives up after 600'",
    ),
    Mistake(
        "no timeout",
        "The task stays `deferred` for ever if nothing comes: neither the sensor's `timeout` nor `execution_timeout` "
        "ends a deferral that `defer` was not told to end.",
        _SENSOR_EXECUTE,
    ),
    Mistake(
        "wrong timeout",
        "The task fails while there was still time, or stays `deferred` long after it should have called for help.",
        _SENSOR_EXECUTE,
    ),
    Mistake(
        "no timeout in the worker",
        "The sensor does not fail when its time is over: it holds its worker slot until somebody notices.",
        _SENSOR_INIT,
    ),
    Mistake(
        "slot not given back in reschedule mode",
        'A workflow that asked for mode="reschedule", to give its slot back between two looks, holds it all the while.',
        _SENSOR_INIT,
    ),
    Mistake(
        "not templated",
        "The task waits for a directory that is called `{{ params.root }}/client_1`, braces and all. It never comes, "
        "and the task ends with its timeout.",
        _OPERATORS,
    ),
    Mistake(
        "goes on though no directory can be read",
        "The task defers to a trigger that can only report the same, or waits in its worker slot until the timeout, "
        "for directories that can never be read.",
        _SENSOR_EXECUTE,
    ),
    Mistake(
        "undocumented task",
        "Whoever meets the deferred task in the UI does not learn why it defers and who is looking meanwhile.",
        f"{_FILE}, 'Step 2'",
    ),
    Mistake(
        "callback of another moment",
        "It is called once, when all is over, or never: the log does not show when a worker slot was taken, and so not "
        "what deferring saves.",
        _CALLBACKS,
    ),
    Mistake(
        "worker slot not logged",
        "The task's log does not show when a worker has taken it up, so nobody sees that a deferred sensor holds a "
        "slot for two moments only.",
        _LOG_SLOT,
    ),
    Mistake(
        "not one INFO line with the task's id",
        "At DEBUG the line is not in the task's log, as Airflow logs from INFO. Without the task's id, or twice, it "
        "cannot be counted per task.",
        _LOG_SLOT,
    ),
    # ── The sensors: going on ──
    Mistake(
        "does not go on in execute_complete",
        "The whole wait was for nothing: the event comes, and the worker that resumes calls another method, or fails "
        "with AttributeError because the operator has none of that name.",
        _DEFERRING,
    ),
    Mistake(
        "execute_complete cannot take what is sent",
        "The event comes, and the worker that resumes fails with a TypeError over the arguments. The file was found, "
        "the task is red.",
        _DEFERRING,
    ),
    Mistake(
        "defer(kwargs=...) is not plain JSON",
        "A context, a client or a Path in defer(kwargs=...) is a TypeError at the moment of deferring: the task fails "
        "after its first look, and after each retry's.",
        _DEFERRING,
    ),
    Mistake(
        "state on self is lost",
        "The worker that resumes has built the operator anew: AttributeError in execute_complete after the whole wait, "
        "or a waited_seconds that is wrong or None.",
        _DEFERRING,
    ),
    Mistake(
        "error event taken for a success",
        "The task is green although nothing was found. Its XCom holds the error, and the next task fails over a "
        "missing key or goes on with nothing.",
        _SENSOR_COMPLETE,
    ),
    Mistake(
        "unknown event taken for a success",
        "A trigger that sends None or a status of its own turns the task green with nothing found; the next task fails "
        "over a missing key.",
        _SENSOR_COMPLETE,
    ),
    Mistake(
        "event not looked at before it is used",
        "The task fails with a KeyError or AttributeError deep inside, which soft_fail does not catch, and nobody "
        "learns that the trigger is to blame.",
        _SENSOR_COMPLETE,
    ),
    Mistake(
        "raises something else than AirflowException",
        "With soft_fail the task should be skipped, and fails: BaseSensorOperator skips only for an AirflowException.",
        _SENSOR_COMPLETE,
    ),
    Mistake(
        "error raised without the event's message",
        "The task is red and its log does not say why. The reason has travelled from the triggerer to the worker and "
        "is dropped on the last step.",
        _SENSOR_COMPLETE,
    ),
    Mistake(
        "event not passed on",
        "The XCom of the task is something else than what the trigger has found, and the next task works on it.",
        _WAIT_COMPLETE,
    ),
    Mistake(
        "not every way ends with the same result",
        "What comes after works for one way of waiting and not for another: it fails over a missing key, or takes "
        "another file.",
        _SENSOR,
    ),
    Mistake(
        "deferred says what was set, not what happened",
        "The report counts a wait as deferred that a worker has sat through, or the other way round, and the saving "
        "that it shows is wrong.",
        _SENSOR,
    ),
    Mistake(
        "wait measured wrongly",
        "Report and metrics show a wait that nobody has had, in the wrong unit or from the wrong moment, and pools are "
        "sized by it.",
        _SENSOR,
    ),
    Mistake(
        "wait not counted from the first look",
        "In reschedule mode each look is a process of its own: a wait of hours is reported as the moment of the last "
        "look.",
        _SENSOR,
    ),
    Mistake(
        "seconds are no float",
        "A timedelta or a text cannot be added up by the tasks that compare and report: they fail with a TypeError, or "
        "count in whole seconds.",
        _SENSOR,
    ),
    # ── The trigger: construction and serialization ──
    Mistake(
        "not a trigger",
        "It may even run, but without what BaseTrigger brings: `self.log`, for one, is an AttributeError in the "
        'triggerer, and the task fails as "TaskDeferralError: Trigger failure".',
        _DEFERRING,
    ),
    Mistake(
        "super().__init__() is missing",
        "On 3.3.2 most runs get away with it, as the triggerer sets the missing attributes. Other versions of Airflow, "
        "and triggers with templates, do not.",
        _DEFERRING,
    ),
    Mistake(
        "work in __init__",
        "It runs on the worker, and on the triggerer's event loop after each restart: a dead mount blocks all "
        "triggers, a ValueError ends the whole process, again and again.",
        _TRIGGER_INIT,
    ),
    Mistake(
        "arguments not checked",
        "The DAG parses and the task defers. An interval of 0 then turns the triggerer's event loop without rest, at "
        "the cost of all other triggers; an empty list waits for nothing.",
        _TRIGGER_INIT,
    ),
    Mistake(
        "valid argument refused",
        "The ValueError comes as the task defers and fails it, or as the file is parsed: then the whole DAG is an "
        "import error.",
        "docstring of AdvancedMultiDirectoryTrigger.__init__",
    ),
    Mistake(
        "wrong class path",
        '"Trigger failed to load code" with `unusual_prefix_…`, or another class is built in its place. The task fails '
        "with TaskDeferralError seconds after it deferred.",
        _TRIGGER_SERIALIZE,
    ),
    Mistake(
        "class path not importable",
        'The task fails seconds after it deferred: "Trigger failed to load code" in the triggerer\'s log, '
        '"TaskDeferralError: Trigger failure" in the task\'s. The retry ends the same way.',
        _TRIGGER_SERIALIZE,
    ),
    Mistake(
        "serialize() does not fit __init__",
        'The triggerer cannot build the trigger: "Trigger failed to inflate" in its log, and the task fails with '
        "TaskDeferralError seconds after it deferred.",
        _TRIGGER_SERIALIZE,
    ),
    Mistake(
        "cannot be built in another process",
        "An exception in __init__ that is no TypeError ends the whole triggerer process, again after each restart, and "
        "all triggers with it.",
        _TRIGGER_INIT,
    ),
    Mistake(
        "rebuilt trigger is another",
        "What runs in the triggerer is not what was deferred to: it looks at another pace or for other files, and "
        "differs again after each move.",
        _TRIGGER_SERIALIZE,
    ),
    Mistake(
        "argument not serialized",
        "The triggerer builds the trigger without it, so the default is back: `*.json` silently becomes `*.csv`, 3 "
        'seconds become 10. Without a default: "Trigger failed to inflate", TaskDeferralError.',
        _TRIGGER_SERIALIZE,
    ),
    Mistake(
        "argument lost or changed on the way",
        "The trigger that runs in the triggerer was told something else than the one in your DAG: 2.5 seconds become "
        "2, a pattern its default. No log says so.",
        _TRIGGER_SERIALIZE,
    ),
    Mistake(
        "trigger's arguments are not plain JSON",
        'A Path or bytes: TypeError "Cannot serialize object of type …" as the task defers, and it fails. A dataclass '
        "gets through to the triggerer and ends its process, again after each restart.",
        f"{_FILE}, 'plain JSON'",
    ),
    Mistake(
        "path rewritten",
        "The event names a path that nobody has written into the DAG, so who looks it up by the configured directory "
        "finds nothing.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "state in serialize()",
        "Airflow 3.3.2 asks the worker only once, so it shows late: the trigger's repr in the log is another, and so "
        "is a copy that is built from it.",
        _TRIGGER_SERIALIZE,
    ),
    # ── The trigger: its event ──
    Mistake(
        "run() is no async generator",
        "The triggerer iterates over run() with `async for`, and gets a TypeError: the task fails with "
        "TaskDeferralError as soon as the trigger starts.",
        _DEFERRING,
    ),
    Mistake(
        "returns in place of yielding",
        "\"TypeError: 'async for' requires an object with __aiter__ method, got coroutine\": the task fails with "
        "TaskDeferralError as soon as the trigger starts.",
        _DEFERRING,
    ),
    Mistake(
        "yields something that is no TriggerEvent",
        "The whole triggerer process ends with a TypeError, and again after each restart; every trigger that it has "
        "goes down with it.",
        _DEFERRING,
    ),
    Mistake(
        "yields without returning",
        "The first event resumes the task, but the trigger lives on until Airflow cancels it as if a user had acted: "
        "its on_kill() runs for a task that has succeeded.",
        _DEFERRING,
    ),
    Mistake(
        "not exactly one event",
        "Without an event the task fails or stays `deferred`. Of several only the first resumes it, and the trigger "
        "lives on meanwhile.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "payload is no dict",
        "The task fails after the whole wait: execute_complete asks the event for its status and gets an "
        "AttributeError or TypeError.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "payload is not plain JSON",
        'Bytes or an exception: "event payload could not be serialized", and the task fails. A Path arrives as text, a '
        "tuple as a list: not what was sent.",
        f"{_FILE}, 'plain JSON'",
    ),
    Mistake(
        "event without a key",
        "The task is green. The next one asks for the key, fails with a KeyError, and is blamed for it.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "event that is neither success nor error",
        "The task fails although the file may be there: execute_complete cannot know what such an event means.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "event depends on the run",
        "A trigger may run in two places for a while. Airflow asks for a value that is the same in both, to tell "
        "doubles; these two look like different events.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "unbounded payload",
        "An event with 10,000 paths is written to the triggerer's log, the database and the XCom, once for each such "
        "wait.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "files cut in the wrong place",
        "The event lists fewer files than it may: the next task processes those, and the rest waits for another run.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "total counted after the cut",
        "The event says 100 where 10,000 files lie: nobody sees that there is a backlog.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "files counted wrongly",
        "The report shows another number of files than lie there, and the backlog looks larger or smaller than it is.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "files not in order",
        "What is listed, and where the list is cut, hangs on the file system: important directories may be missing "
        "from it.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "not all files listed",
        "What is not in the event is not processed: the file lies there until another run happens to find it.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "not the first in order",
        "Another file is reported than the order says: the directories that matter come last, and two runs over the "
        "same files may differ.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "time without a zone",
        "Who reads the text takes it for his own time: between servers in two zones a file is hours older or younger.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "offset is not +00:00",
        "What compares such times as text, which one offset allows, takes an older file for a newer one, or cannot "
        "read the time at all.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "not the time of the last change",
        "A chmod, a move or a copy makes an old file look new, so that it is processed again or taken for late.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "error event in place of a success",
        "The task fails: execute_complete gets an error event and raises, although there was something to find.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "no error event",
        "The wait goes on for ever, or ends with an event that does not say what happened: execute_complete has no "
        "message to raise, and the failure callback reports `unknown`.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "wrong error_type",
        "The failure callback tells its causes apart by it: people are sent to the triggerer when a directory has the "
        "wrong owner, or the other way round.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "incomplete error event",
        "The task fails, and its log does not say over what: no message to raise, or no directory to look at.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "error event without its cause",
        "The task fails, and `message` or `errors` does not say which exception it was, or not what it said. "
        "Whoever reads it must look for the rest elsewhere.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "exception escapes run()",
        'The task fails as "TaskDeferralError: Trigger failure". execute_complete is never called, so no error event '
        "and no error_type; the reason is a traceback in the task's log.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "ends without an event",
        '"Trigger exited without sending an event. Dependent tasks will be failed": the task is red, and no error '
        "event says why.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "never fires",
        "What it waits for is there, and the task stays `deferred` until its timeout, then fails with "
        "AirflowSensorTimeout, which is not retried.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "ended while it should wait",
        "The task goes on, or fails, while there is still nothing to find and time to wait for it.",
        _TRIGGER_RUN,
    ),
    # ── The trigger: what is found ──
    Mistake(
        "file that is there already not reported",
        "A file that came while the trigger was moved or restarted is never found: each restart takes what lies there "
        "for old.",
        _TRIGGER_COUNTS,
    ),
    Mistake(
        "not all directories watched",
        "Some clients' files are never found. Their task is `deferred` until the timeout, then fails with "
        "AirflowSensorTimeout, and that is not retried.",
        _TRIGGER,
    ),
    Mistake(
        "name not matched as the contract says",
        "A file that is meant is never found, or the task goes on with one that is not: a hidden draft, a partial "
        "upload, another kind of report.",
        _TRIGGER_COUNTS,
    ),
    Mistake(
        "counts what is no file of this directory",
        "The task goes on with a folder, a pipe or a file of somebody else's. The next task fails over it, or hangs "
        "for good as it opens the pipe.",
        _TRIGGER_COUNTS,
    ),
    Mistake(
        "link to a file not counted",
        "A client whose uploads are links to a store elsewhere delivers, and nobody ever sees it.",
        _TRIGGER_COUNTS,
    ),
    Mistake(
        "file beside a dead link not found",
        "One link that leads nowhere, and nobody sees the good files beside it: the task fails, or stays `deferred` "
        "until its timeout with the uploads lying there.",
        _TRIGGER_COUNTS,
    ),
    Mistake(
        "directory named twice counted twice",
        "Each of its files is in the event twice, so the next task processes it twice: every order is booked double.",
        _TRIGGER_COUNTS,
    ),
    Mistake(
        "sleeps before the first look",
        "A file that is there waits a whole interval for nothing, and again whenever the trigger is moved or "
        "restarted.",
        _TRIGGER_WHEN,
    ),
    Mistake(
        "reports too late",
        "The file lies there for longer than promised, and everything after it is late by as much.",
        _TRIGGER_WHEN,
    ),
    Mistake(
        "looks too often",
        "A share that was to be asked every 10 seconds is asked more often, by every one of a thousand triggers.",
        _TRIGGER_WHEN,
    ),
    Mistake(
        "turns without sleeping",
        "The trigger asks without pause: CPU and disk are busy for nothing, and with hundreds of such triggers the "
        'loop lags: "async thread was blocked" in the triggerer\'s log.',
        _TRIGGER_WHEN,
    ),
    Mistake(
        "one directory waits for another",
        "One dead network mount, and nobody's files are found: the tasks stay `deferred` until their timeout, with the "
        "uploads lying there.",
        _TRIGGER_WHEN,
    ),
    # ── The trigger: directories that cannot be read ──
    Mistake(
        "missing directory not waited for",
        "A client whose directory is made later delivers, and nobody looks: the task has failed, or waits on without "
        "it until the timeout.",
        _TRIGGER_DIRECTORIES,
    ),
    Mistake(
        "missing directory taken for broken",
        "A client whose directory is not made yet is reported as broken, and people look for a fault where there is "
        "none.",
        _TRIGGER_DIRECTORIES,
    ),
    Mistake(
        "readable directory reported as broken",
        "People look for a fault where there is none, and the real one, if it comes, is not believed.",
        _TRIGGER_RUN,
    ),
    Mistake(
        "one unreadable directory ends the wait",
        "One client's directory has the wrong owner, and the wait for all the others fails with it.",
        _TRIGGER_DIRECTORIES,
    ),
    Mistake(
        "unreadable directory not reported",
        "One client's directory has the wrong owner, and nobody learns of it: `errors` does not name it, and its files "
        "simply never come.",
        _TRIGGER_DIRECTORIES,
    ),
    Mistake(
        "unreadable directory watched on",
        "What can never be read is asked at every interval. If it is the only directory, the task stays `deferred` "
        "until the timeout in place of saying so.",
        _TRIGGER_DIRECTORIES,
    ),
    Mistake(
        "left-out directory not logged once",
        "Nobody who reads the triggerer's log learns that a client is not watched any more, or the line comes so often "
        "that nobody reads it.",
        _TRIGGER_DIRECTORIES,
    ),
    Mistake(
        "log flood",
        "A line with every look, times a thousand triggers: the disk fills, and the one warning that matters drowns. "
        "Each live trigger has a log file of its own.",
        _TRIGGER_DIRECTORIES,
    ),
    Mistake(
        "passing failure taken for final",
        "A disturbance of seconds, an EIO or a 503, ends the whole wait: the task fails or begins anew, although the "
        "file comes a minute later.",
        _TRIGGER_DIRECTORIES,
    ),
    Mistake(
        "retries without waiting",
        "A disk or a service that is in trouble is asked again without a pause, by every trigger at once, and does not "
        "recover.",
        _TRIGGER_DIRECTORIES,
    ),
    # ── The trigger: good manners ──
    Mistake(
        "blocking call on the event loop",
        'All triggers of the process stand still: "Triggerer\'s async thread was blocked for … seconds". Beyond 30 '
        "seconds the triggerer counts as unhealthy and its triggers move to another.",
        _TRIGGER_MANNERS,
    ),
    Mistake(
        "long calculation on the event loop",
        "While one trigger sorts 10,000 names all others stand still: their timers are late, and the log says "
        '"Triggerer\'s async thread was blocked for … seconds".',
        _TRIGGER_MANNERS,
    ),
    Mistake(
        "threads pile up",
        "A dead mount takes one more thread at every interval. The pool has min(32, CPUs + 4) for the whole triggerer; "
        "when it is empty, no trigger's look gets on.",
        _TRIGGER_MANNERS,
    ),
    Mistake(
        "two looks into one directory at once",
        "A share that is slow is asked again before it has answered, which makes it slower. Each further look takes "
        "a thread of the pool that all triggers of the process share.",
        _TRIGGER_MANNERS,
    ),
    Mistake(
        "swallows the cancellation",
        "Somebody marks the task failed, and the trigger lives on. It is cancelled again and again, keeps its place in "
        "the triggerer's capacity, and delays every shutdown.",
        _TRIGGER_MANNERS,
    ),
    Mistake(
        "event in place of the cancellation",
        "Airflow moves the trigger, or a user ends the task, and it sends an event: a wait that should go on elsewhere "
        "ends as failed, or nobody is there to take it.",
        _TRIGGER_MANNERS,
    ),
    Mistake(
        "cancellation waits for a look",
        "While a mount is dead the trigger cannot be ended: it keeps its place in the triggerer's capacity, and every "
        "shutdown waits until it is killed.",
        _TRIGGER_MANNERS,
    ),
    Mistake(
        "ends late when cancelled",
        "Every restart of the triggerer waits for it, and so do the triggers that are to be moved to another.",
        _TRIGGER_MANNERS,
    ),
    Mistake(
        "resource leak",
        'Each wait leaves a task, a thread or an open file in the triggerer. After days: "Task was destroyed but it is '
        'pending", "Too many open files", or no thread left for anyone.',
        _TRIGGER_MANNERS,
    ),
    Mistake(
        "side effect in a trigger",
        "A trigger is run again after a restart, sometimes in two places. The second finds the file moved or deleted, "
        "and waits for what will not come.",
        _TRIGGER_MANNERS,
    ),
    Mistake(
        "state shared by instances",
        "All triggers of a triggerer live in one process: what one wait has seen or left out is taken for another's, "
        "and a file is never found or reported too soon.",
        _TRIGGER_MANNERS,
    ),
    # ── Processing ──
    Mistake(
        "malformed XCom not recognised",
        "The task fails with a KeyError somewhere inside, or ends green with nothing processed. Nothing says that the "
        "sensor's result is the place to look.",
        _PROCESS,
    ),
    Mistake(
        "error does not name the sensor",
        "The task is red, and whoever is called at night looks for the fault in it, not in the sensor before it.",
        _PROCESS,
    ),
    Mistake(
        "a file that is no good fails the task",
        "One bad upload, and the good files of all other clients are not processed either: after the retry the run has "
        "failed.",
        _PROCESS,
    ),
    Mistake(
        "broken file not recognised",
        "The file is passed on as good. The task stays green, the report lists it among the valid, and whatever loads "
        "it fails or loads wrong rows.",
        _PROCESS,
    ),
    Mistake(
        "wrong reason",
        "The client is told to mend what is not broken, and sends the same file again.",
        _PROCESS,
    ),
    Mistake(
        "good file refused",
        "A file that is in order is listed as invalid, and the client is told to send it again.",
        _PROCESS,
    ),
    Mistake(
        "valid CSV refused",
        "A good file, with a byte order mark as Excel writes it or a line break in quotes, is listed as invalid, and "
        "the client is told to send it again.",
        _PROCESS,
    ),
    Mistake(
        "rows miscounted",
        "The report shows more or fewer rows than were delivered, and somebody looks for orders that were never lost.",
        _PROCESS,
    ),
    Mistake(
        "upper-case extension not read as CSV",
        "A file called `ORDERS.CSV`, as Windows programs like to write it, is passed on unread, however broken it is.",
        _PROCESS,
    ),
    Mistake(
        "wrong line named",
        "The client opens the file at that line and finds nothing wrong there: a line break in quotes has moved all "
        "that follows.",
        _PROCESS,
    ),
    Mistake(
        "not every file in order",
        "A file that the sensor has found is not processed, or not in its turn; the task is green all the same.",
        _PROCESS,
    ),
    Mistake(
        "total is not the sensor's",
        "The event lists 100 files at most: who counts the list never reports more, however large the backlog is.",
        _PROCESS,
    ),
    Mistake(
        "not a line in the log for each file",
        "When a client asks what has become of his file, the task's log has no answer.",
        _PROCESS,
    ),
    Mistake(
        "log does not tell good from bad",
        "Whoever looks up a client's file in the task's log learns that it was seen, but cannot be sure whether it "
        "was good or refused.",
        _PROCESS,
    ),
    # ── Measuring and comparing ──
    Mistake(
        "invented figure",
        "Report and log show 0 where nothing was measured, and people decide about pools and workers by it. That the "
        "API refused, nobody learns.",
        _USAGE,
    ),
    Mistake(
        "known figure not given",
        "What was measured does not reach the report, and the decision is made without it.",
        _COMPARE,
    ),
    Mistake(
        "a missing figure fails the task",
        "Where the API has no connection, or is down for a minute, the task is red and the report is not written, "
        "though the files were processed.",
        _USAGE,
    ),
    Mistake(
        "does not say why a figure is missing",
        "The report has a gap, and nobody can tell a missing connection from an API that refuses.",
        _USAGE,
    ),
    Mistake(
        "calls unavailable what is there",
        "The reader of the report mistrusts a figure that was measured, and looks for a fault that does not exist.",
        _USAGE,
    ),
    Mistake(
        "does not ask the API",
        "The figures of the triggerer and the pools are missing from every report, also where a connection was made "
        "for them.",
        _USAGE,
    ),
    Mistake(
        "counts this run only",
        "The count is 1 or 2 in every report: that a hundred runs are deferred at the same time, nobody sees.",
        _USAGE,
    ),
    Mistake(
        "tasks counted wrongly",
        "The report shows more or fewer deferred tasks than there are, and the triggerer is sized by it.",
        _USAGE,
    ),
    Mistake(
        "saving claimed without a deferral",
        "The report praises deferring for a wait that has held a worker slot from beginning to end.",
        _USAGE,
    ),
    Mistake(
        "recommends nothing",
        "The report is a table of figures, and whoever gets it must work out himself what to do.",
        _USAGE,
    ),
    Mistake(
        "same recommendations for all figures",
        "The advice is as good as none: it is the same for a wait that was deferred, for one that was not, and "
        "where nothing is known.",
        _USAGE,
    ),
    Mistake(
        "figures not logged at INFO",
        "The figures are in an XCom only, which is gone when the run is cleaned from the database; the log has nothing "
        "to search.",
        _USAGE,
    ),
    Mistake(
        "approaches compared wrongly",
        "The report shows a saving that is too large, too small or negative, and the sensors are converted, or not, "
        "because of it.",
        _COMPARE,
    ),
    Mistake(
        "0 seconds taken for unknown",
        "A file that was there at once is the best case of all, and the report says that nothing could be measured.",
        _COMPARE,
    ),
    Mistake(
        "states counted wrongly",
        "The report says that other tasks have failed or are waiting than the grid shows.",
        _COMPARE,
    ),
    Mistake(
        "states of all runs counted",
        "A failure of last week is in the report of every run since.",
        _COMPARE,
    ),
    Mistake(
        "None as a state",
        "JSON has no None as a key: the XCom comes back with `null` as a text, and who asks for `none` finds nothing.",
        _COMPARE,
    ),
    # ── The failure callback ──
    Mistake(
        "no failure callback",
        "The sensor times out, the task turns red, and nobody is told: no ERROR line, no cause, no advice.",
        _CALLBACKS,
    ),
    Mistake(
        "callback raises",
        'Airflow logs "Failed to run task callback" and goes on. The task has failed, but the ERROR line with cause '
        "and advice is missing.",
        _FAILURE,
    ),
    Mistake(
        "cause not recognised",
        'The ERROR line says "unknown", and whoever is called at night starts from nothing.',
        _FAILURE,
    ),
    Mistake(
        "cause not followed",
        'Airflow and its providers wrap what went wrong: the ERROR line says "unknown" while the reason is one step '
        "down the chain.",
        _FAILURE,
    ),
    Mistake(
        "causes mixed up",
        "The ERROR line sends people to the wrong place: to the disk, when the triggerer could not import the class; "
        "to the triggerer, when nobody has uploaded.",
        _FAILURE,
    ),
    Mistake(
        "failed waits not told apart by error_type",
        "An error in the trigger's own code is reported as a directory that cannot be read, or the other way round, "
        "and the wrong people are called.",
        _FAILURE,
    ),
    Mistake(
        "same advice for every cause",
        "The advice is as good as none: it sends whoever reads it to check everything.",
        _FAILURE,
    ),
    Mistake(
        "not exactly one line at ERROR",
        "Alerts count the lines at ERROR: one failure raises two alarms, or none.",
        _FAILURE,
    ),
    Mistake(
        "log lacks task, cause or advice",
        "The one line that somebody reads at night does not say which task it was, why, or what to do.",
        _FAILURE,
    ),
    Mistake(
        "line breaks in the ERROR line",
        "What stands after the break is a line of its own, without level, time or task: a search for the error does "
        "not show it.",
        _FAILURE,
    ),
    Mistake(
        "message is not the exception's text",
        "Whoever searches the logs for the message, or groups alerts by it, does not find the error that Airflow "
        "has logged.",
        _FAILURE,
    ),
    # ── The report ──
    Mistake(
        "no report",
        "The task is green, and where the page should be there is none, or that of an earlier run.",
        _REPORT,
    ),
    Mistake(
        "directory of the report not made",
        "On a worker that has not run the set-up itself the task fails with FileNotFoundError, after all the work was "
        "done.",
        _REPORT,
    ),
    Mistake(
        "report is incomplete",
        "Something is not on the page: which file was refused and why, how long the wait was, what to do, or the "
        "picture of it. The reader asks the one who wrote the DAG.",
        _REPORT,
    ),
    Mistake(
        "report returned in another form",
        "What comes after takes paths from the XCom, gets dicts or nothing, and fails over them.",
        _REPORT,
    ),
    Mistake(
        "not escaped",
        "A client's file name becomes markup: whoever opens the report runs the client's script in his browser.",
        _REPORT,
    ),
    Mistake(
        "page needs other files",
        "Sent by mail, or opened where there is no network, the page has no pictures and no style; and each reader is "
        "known to the server that it loads from.",
        _REPORT,
    ),
    Mistake(
        "missing figure not called unavailable",
        "The page has 0, a dash or nothing where nothing was measured: the reader takes it for a figure, or for a "
        "fault of the page.",
        _REPORT,
    ),
    Mistake(
        "a missing XCom fails the task",
        "One task before it was skipped or cleared, and there is no report at all, though most of it could be written.",
        _REPORT,
    ),
    Mistake(
        "report written in place",
        "Who opens the report at that moment sees an empty or half a page. If the worker is killed then, it stays so, "
        "and the old page is lost.",
        _REPORT,
    ),
    Mistake(
        "draft left behind",
        "Each attempt leaves one more temporary file beside the report. The clean-up then keeps the directory, because "
        "something lies in it.",
        _REPORT,
    ),
    # ── Challenge 1 ──
    Mistake(
        "unfinished file reported",
        "The next task reads half an upload: rows are missing, the last one is cut, and the task may well be green.",
        _ADVANCED_STABLE,
    ),
    Mistake(
        "stable file reported late",
        "A finished file lies there longer than promised, and everything after it is late by as much.",
        _ADVANCED_STABLE,
    ),
    Mistake(
        "unstable files listed",
        "The event counts or lists files that are still being written, and who processes all of `files` reads half an "
        "upload.",
        _ADVANCED_STABLE,
    ),
    Mistake(
        "waits for an unstable file",
        "One upload that never ends, and the finished files of all other clients are not processed.",
        _ADVANCED_PRIORITY,
    ),
    Mistake(
        "replaced file not recognised",
        "A client sends a file of the same size again; the window is counted from the old one, and a copy that is "
        "still being written is reported as finished.",
        _ADVANCED_STABLE,
    ),
    Mistake(
        "vanished file not recognised",
        "A client takes an upload back and sends it again. The window is counted from the first, so a copy that is "
        "still being written counts as finished.",
        _ADVANCED_STABLE,
    ),
    Mistake(
        "files of a vanished directory remembered",
        "A mount goes away and comes back: what was written meanwhile counts as rested, though nobody could see it.",
        _ADVANCED_STABLE,
    ),
    Mistake(
        "stable while nobody could look",
        "The disk fails while a client uploads. The file counts as rested although nobody has seen it, and the next "
        "task reads half of it.",
        _ADVANCED_BACKOFF,
    ),
    Mistake(
        "not by priority",
        "An urgent file lies there, and another is processed first. On busy days the directories that matter come "
        "last.",
        _ADVANCED_PRIORITY,
    ),
    Mistake(
        "not the first pattern that matches",
        "What comes after chooses by the pattern how to read the file, and chooses wrongly.",
        _ADVANCED_PATTERNS,
    ),
    Mistake(
        "backoff not doubled or not capped",
        "A sick disk is asked too often to recover, or so seldom that files lie there long after it has.",
        _ADVANCED_BACKOFF,
    ),
    Mistake(
        "backoff not reset",
        "After an old disturbance each new one begins with the longest wait, and single failures far apart add up "
        "until a directory that works is left out.",
        _ADVANCED_BACKOFF,
    ),
    Mistake(
        "one retry too few or too many",
        "A directory that would have answered the next time is left out, or one that is lost is asked once more than "
        "allowed.",
        _ADVANCED_BACKOFF,
    ),
    # ── Challenge 2 ──
    Mistake(
        "looks at another DAG",
        "The figures are of the DAG in which the task happens to run: 0 runs and no waits, and the dashboard is green.",
        _METRICS,
    ),
    Mistake(
        "runs counted wrongly",
        "The number of runs is not what the UI shows, and nobody trusts the other figures.",
        _METRICS,
    ),
    Mistake(
        "waits counted wrongly",
        "The log shows too many or too few waits: nobody sees that deferred tasks queue because no triggerer takes "
        "them up.",
        _METRICS,
    ),
    Mistake(
        "rate not of the waits that have ended",
        "Waits that have not ended, or were skipped, count as failures or successes: the rate falls whenever many "
        "tasks are deferred, and somebody is called at night.",
        _METRICS,
    ),
    Mistake(
        "rate without waits",
        "On a quiet day the rate is 0 or 1 though nothing has ended: an alarm without a reason, or none when there "
        "should be one.",
        _METRICS,
    ),
    Mistake(
        "average over failed or unknown waits",
        "Waits of failed runs, or unknown ones as 0, are mixed in: the log shows a wait that nobody has had.",
        _METRICS,
    ),
    Mistake(
        "taken up and queued mixed up",
        "Triggers that no triggerer has taken up look as if they ran: that the triggerer is dead or full, nobody sees.",
        _METRICS,
    ),
    Mistake(
        "does not ask for the tasks of all DAGs",
        "The numbers of triggers are missing, or those of a few DAGs only: that the triggerer, which serves all of "
        "them, is full, nobody sees.",
        _METRICS,
    ),
    Mistake(
        "asks for tasks that are not deferred",
        "Triggers are counted that do not exist, or those that exist are crowded out: the API gives 100 task "
        "instances at most, and nearly all of them ended long ago.",
        _METRICS,
    ),
    Mistake(
        "asks for fewer than the API gives",
        "The API gives 50 task instances, or what it was asked for, at most. The numbers of triggers stop there, "
        "however many tasks are deferred.",
        _METRICS,
    ),
    Mistake(
        "pool without limit",
        "A pool of -1 slots is unlimited; occupied divided by -1 is a negative use, which spoils every average and "
        "every alarm.",
        _METRICS,
    ),
    Mistake(
        "pools counted wrongly",
        "A pool that is full looks free, or one that is free looks full, and slots are added in the wrong place.",
        _METRICS,
    ),
    # ── Challenge 3 ──
    Mistake(
        "asks too often",
        "The partner's service gets more requests than were agreed, times every waiting task, and shuts you out with "
        "429.",
        _API_RUN,
    ),
    Mistake(
        "asks too seldom",
        "The answer has been there for longer than the interval when somebody asks, and everything after it is late.",
        _API_RUN,
    ),
    Mistake(
        "does not fire at the first yes",
        "The answer is yes from the beginning, and the task stays `deferred` for nothing, again and again whenever "
        "the trigger is moved or restarted.",
        _API_RUN,
    ),
    Mistake(
        "expected_status ignored",
        "The task goes on at another status than it was told to wait for, or never, whatever the partner says.",
        _API_RUN,
    ),
    Mistake(
        "final answer asked for again",
        "A wrong address or a missing right is asked for until the timeout; the task is `deferred` for hours in place "
        "of failing at once.",
        _API_RUN,
    ),
    Mistake(
        "request without a time limit",
        "A server that accepts and says nothing keeps the thread for good. The trigger never asks again; the task "
        "stays `deferred` until its timeout.",
        _API_RUN,
    ),
    Mistake(
        "something true not taken for a yes",
        "A rule that returns a count or a name in place of True never agrees, and the task is `deferred` until its "
        "timeout.",
        _RULE_RUN,
    ),
    Mistake(
        "broken rule taken for a no",
        "A typo in the rule's path, and the task is `deferred` until its timeout; nothing says that the rule was never "
        "asked.",
        _RULE_RUN,
    ),
    Mistake(
        "rule ends the triggerer",
        "A SystemExit goes through the event loop and ends the whole triggerer process, and again after each "
        "restart; every trigger that it has goes down with it.",
        _RULE_RUN,
    ),
    Mistake(
        "fails without rule_kwargs",
        "The wait for a rule that needs no arguments ends with an error event, and the task fails.",
        "docstring of BusinessRuleTrigger.__init__",
    ),
    Mistake(
        "counts files, not clients",
        "One client with many files is enough, and the data of all others is published without them.",
        _RULE,
    ),
    Mistake(
        "clients counted wrongly",
        "The rule agrees too early, or never, though enough clients have delivered.",
        _RULE,
    ),
    Mistake(
        "fails over a missing directory",
        "One client whose directory is not made yet breaks the rule, and with it the whole wait.",
        _RULE,
    ),
    Mistake(
        "waits for both",
        "`publish` waits for the slower of API and rule. If one fails, `approve` is `upstream_failed` and nothing is "
        "published, though the other had given leave.",
        _DAGS,
    ),
    Mistake(
        "content with a failure",
        "The partner's refusal ends `wait_for_api` as failed, and that is enough for `approve`: data is published that "
        "nobody has given leave for.",
        _DAGS,
    ),
    Mistake(
        "publishes in spite of a failure",
        "`publish` runs although the data never came or nobody has approved.",
        _DAGS,
    ),
)

MISTAKES: dict[str, Mistake] = {mistake.name: mistake for mistake in _ALL}
