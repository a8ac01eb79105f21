package dev.headwater.kernel.event;

import org.apache.flink.api.common.typeinfo.TypeInformation;

/**
 * A record for the feature log, ready to be sent: a row, or a heartbeat. It has one header.
 *
 * @param key canonical entity key, or the heartbeat's 11 bytes
 * @param value framed Avro, or null for a heartbeat
 * @param headerName {@link #ROW_HEADER} or {@link #HEARTBEAT_HEADER}
 * @param header 65 bytes of a row, 32 bytes of a heartbeat
 * @param partition partition of the log
 * @param timestampMs record timestamp
 */
public record LogRecord(
        byte[] key, byte[] value, String headerName, byte[] header, int partition, long timestampMs) {
    public static final TypeInformation<LogRecord> TYPE =
            new ValueTypeInfo<>(LogRecord.class, false, LogRecordSerializer.INSTANCE);

    public static final String ROW_HEADER = "headwater";
    public static final String HEARTBEAT_HEADER = "headwater-heartbeat";

    public boolean isHeartbeat() {
        return value == null;
    }
}
