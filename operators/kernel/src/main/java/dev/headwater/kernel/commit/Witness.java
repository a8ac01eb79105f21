package dev.headwater.kernel.commit;

/** Where a record of a transaction stands: readers of committed records see it if, and only if, it was committed. */
record Witness(String topic, int partition, long offset) {}
