package dev.headwater.kernel.commit;

/** What became of a transaction. */
enum Fate {
    COMMITTED,
    ABORTED,
    /** Nothing shows it any more: the log keeps no records from so long ago. */
    FORGOTTEN
}
