"""The machinery: checkpoints, back-pressure, memory, Redis and the archive, of all views side by side."""

from headwater.pipelines.dashboards.panels import Board, Panel, Query, Row

TASK = "flink_taskmanager_job_task"
MEMORY = "flink_taskmanager_Status_JVM_Memory_Heap"

PIPELINE = Board(
    uid="headwater-pipeline",
    title="Headwater: pipeline internals",
    description="What the processes and Flink do, for those who operate them.",
    by_view=False,
    rows=(
        Row(
            "Checkpoints",
            (
                Panel(
                    "Since the newest checkpoint",
                    "s",
                    (
                        Query(
                            "time() - max by (view) (headwater_last_checkpoint_timestamp_seconds > 0)",
                            "{{view}}",
                        ),
                    ),
                    "The offline log stands still meanwhile, and so much is read again after a crash.",
                ),
                Panel(
                    "Duration",
                    "s",
                    (Query("max by (view) (headwater_last_checkpoint_duration_seconds)", "{{view}}"),),
                    "Of the newest checkpoint.",
                ),
                Panel(
                    "State",
                    "bytes",
                    (Query("max by (view) (headwater_last_checkpoint_size_bytes)", "{{view}}"),),
                    "In the newest checkpoint.",
                ),
                Panel(
                    "Failed checkpoints and restarts",
                    "short",
                    (
                        Query("sum by (view) (increase(headwater_checkpoints_failed_total[1h]))", "{{view}} failed"),
                        Query("max by (job_name) (flink_jobmanager_job_numRestarts)", "{{job_name}} restarts"),
                    ),
                    "Failures within an hour; restarts since the job was submitted.",
                ),
            ),
        ),
        Row(
            "Flink",
            (
                Panel(
                    "Back-pressure",
                    "percentunit",
                    (
                        Query(
                            f"max by (job_name, task_name) ({TASK}_backPressuredTimeMsPerSecond) / 1000",
                            "{{task_name}}",
                        ),
                    ),
                    "Share of time that a task waits for those behind it.",
                ),
                Panel(
                    "Busy",
                    "percentunit",
                    (Query(f"max by (job_name, task_name) ({TASK}_busyTimeMsPerSecond) / 1000", "{{task_name}}"),),
                    "Share of time that a task works; at 1 it is what limits the job.",
                ),
                Panel(
                    "Heap",
                    "percentunit",
                    (Query(f"max by (tm_id) ({MEMORY}_Used / {MEMORY}_Max)", "{{tm_id}}"),),
                    "In use, by what there is.",
                ),
                Panel(
                    "Garbage collection",
                    "percentunit",
                    (
                        Query(
                            "max by (tm_id) (flink_taskmanager_Status_JVM_GarbageCollector_All_TimeMsPerSecond) / 1000",
                            "{{tm_id}}",
                        ),
                    ),
                    "Share of time.",
                ),
                Panel(
                    "Records that wait in the event topics",
                    "short",
                    (Query(f"sum by (job_name, operator_name) ({TASK}_operator_pendingRecords)", "{{operator_name}}"),),
                    "By source.",
                ),
                Panel(
                    "Keys whose row is held back",
                    "short",
                    (Query(f"sum by (job_name) ({TASK}_operator_headwater_held_back_keys)", "{{job_name}}"),),
                    "Until their emission interval ends.",
                ),
            ),
        ),
        Row(
            "Redis and the registry",
            (
                Panel(
                    "Rows that wait",
                    "short",
                    (Query("sum by (view) (headwater_log_lag_rows)", "{{view}}"),),
                    "Between the feature log and Redis.",
                ),
                Panel(
                    "Unavailable",
                    "none",
                    (
                        Query("max by (view) (headwater_online_store_unavailable)", "{{view}} Redis"),
                        Query(
                            f"max by (view) ({TASK}_operator_deserializer_headwater_view_registry_unavailable)",
                            "{{view}} registry",
                        ),
                        Query("max by (view) (headwater_offline_store_unavailable)", "{{view}} offline store"),
                    ),
                    "1 while it cannot be used.",
                ),
            ),
        ),
        Row(
            "Archive",
            (
                Panel(
                    "Since the newest flush",
                    "s",
                    (
                        Query(
                            "time() - max by (view) (headwater_archive_last_flush_timestamp_seconds > 0)",
                            "{{view}}",
                        ),
                    ),
                    "Long while there is nothing to write.",
                ),
                Panel(
                    "Files",
                    "short",
                    (Query("sum by (view) (increase(headwater_archive_files_total[1h]))", "{{view}}"),),
                    "Added within an hour.",
                ),
            ),
        ),
    ),
)
