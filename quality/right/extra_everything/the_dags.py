"""More tasks than are asked for; a time sensor that starts in the triggerer; an API trigger in a further DAG argument."""

from airflow.providers.standard.sensors.time import TimeSensor

ALERT = {"on_failure_callback": [handle_trigger_failure]}

with DAG(
    dag_id="trigger_implementation_exercise",
    description="The exercise, with more tasks than are asked for",
    schedule=None,
    catchup=False,
    start_date=pendulum.datetime(2024, 1, 1),
    default_args={"owner": "trigger-exercise", "retries": 1, "retry_delay": timedelta(minutes=2)},
    tags=["kata", "exercise-4", "triggers", "files"],
    doc_md="Waits for uploads.",
    max_active_runs=4,
) as dag:
    set_up = PythonOperator(task_id="set_up_directories", python_callable=set_up_directories).as_setup()
    clean_up = PythonOperator(
        task_id="clean_up_directories",
        python_callable=clean_up_directories,
        op_args=[set_up.output],
    ).as_teardown(setups=set_up, on_failure_fail_dagrun=True)
    wait_for_upload = FileSensor(
        task_id="wait_for_upload",
        filepath=UPLOAD_FILE,
        fs_conn_id="fs_default",
        recursive=False,
        deferrable=True,
        poke_interval=5,
        timeout=600,
        on_execute_callback=[log_worker_slot],
        doc_md="Deferred: the Triggerer waits, and no Worker Slot is taken.",
        **ALERT,
    )
    monitor_client_uploads = MultiDirectorySensorAsync(
        task_id="monitor_client_uploads",
        directories=CLIENT_DIRECTORIES,
        file_pattern="*.csv",
        deferrable=True,
        poke_interval=5,
        timeout=timedelta(minutes=10),
        exponential_backoff=False,
        **ALERT,
    )
    uploads_are_complete = EmptyOperator(task_id="uploads_are_complete")
    process, monitor, compare, report = (
        PythonOperator(task_id=function.__name__, python_callable=function)
        for function in (process_trigger_results, monitor_resource_usage, compare_approaches, generate_trigger_report)
    )
    set_up >> [wait_for_upload, monitor_client_uploads] >> uploads_are_complete >> process >> [monitor, compare]
    [monitor, compare] >> report >> EmptyOperator(task_id="report_is_published") >> clean_up
    set_up >> process

with DAG(dag_id="trigger_orchestration_challenge", schedule=None) as orchestration_dag:
    wait_for_data = MultiDirectorySensorAsync(
        task_id="wait_for_data", directories=CLIENT_DIRECTORIES, timeout=timedelta(hours=1)
    )
    wait_for_window = TimeSensor(
        task_id="wait_for_window",
        target_time=pendulum.time(6, 0),
        deferrable=True,
        start_from_trigger=True,
        end_from_trigger=False,
    )
    wait_for_api = WaitForTrigger(
        task_id="wait_for_api", trigger=ApiTrigger(url=PARTNER_API_URL, expected_status="ready", check_interval=5)
    )
    wait_for_rule = WaitForTrigger(
        task_id="wait_for_rule",
        trigger=BusinessRuleTrigger(
            rule="trigger_implementation_exercise.enough_clients_delivered",
            rule_kwargs={"directories": CLIENT_DIRECTORIES, "minimum": 2},
            check_interval=5,
        ),
    )
    approve = EmptyOperator(task_id="approve", trigger_rule="one_success")
    publish = EmptyOperator(task_id="publish")
    announce = EmptyOperator(task_id="announce", trigger_rule="all_done")
    wait_for_api >> approve
    wait_for_rule >> approve
    [wait_for_data, wait_for_window, approve] >> publish >> announce
