package dev.headwater.kernel.log;

import java.io.IOException;
import java.lang.reflect.Field;
import java.util.Collection;
import java.util.List;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.api.connector.sink2.CommitterInitContext;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.TwoPhaseCommittingStatefulSink;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.streaming.api.connector.sink2.CommittableMessage;
import org.apache.flink.streaming.api.connector.sink2.SupportsPostCommitTopology;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.util.IOUtils;

/**
 * The Kafka sink, with one thing mended: its exactly-once writer (connector 5.0.0) opens an admin client to find the
 * transactions of an earlier attempt, and never closes it. Each restart of a job would leave a thread and connections
 * behind.
 */
public final class TidyKafkaSink<T, S, C>
        implements TwoPhaseCommittingStatefulSink<T, S, C>, SupportsPostCommitTopology<C> {
    private static final long serialVersionUID = 1L;
    private static final String ADMIN_FIELD = "adminClient";

    private final TwoPhaseCommittingStatefulSink<T, S, C> sink;
    private final SupportsPostCommitTopology<C> topology;

    // The sink's own names for its state and committables are not public.
    @SuppressWarnings("unchecked")
    public TidyKafkaSink(KafkaSink<T> sink) {
        this.sink = (TwoPhaseCommittingStatefulSink<T, S, C>) (TwoPhaseCommittingStatefulSink<T, ?, ?>) sink;
        this.topology = (SupportsPostCommitTopology<C>) (SupportsPostCommitTopology<?>) sink;
    }

    @Override
    public PrecommittingStatefulSinkWriter<T, S, C> createWriter(WriterInitContext context) throws IOException {
        return new Writer<>(sink.createWriter(context));
    }

    @Override
    public PrecommittingStatefulSinkWriter<T, S, C> restoreWriter(WriterInitContext context, Collection<S> state)
            throws IOException {
        return new Writer<>(sink.restoreWriter(context, state));
    }

    @Override
    public SimpleVersionedSerializer<S> getWriterStateSerializer() {
        return sink.getWriterStateSerializer();
    }

    @Override
    public Committer<C> createCommitter(CommitterInitContext context) throws IOException {
        return sink.createCommitter(context);
    }

    @Override
    public SimpleVersionedSerializer<C> getCommittableSerializer() {
        return sink.getCommittableSerializer();
    }

    @Override
    public void addPostCommitTopology(DataStream<CommittableMessage<C>> committables) {
        topology.addPostCommitTopology(committables);
    }

    private record Writer<T, S, C>(PrecommittingStatefulSinkWriter<T, S, C> writer)
            implements PrecommittingStatefulSinkWriter<T, S, C> {

        @Override
        public void write(T element, Context context) throws IOException, InterruptedException {
            writer.write(element, context);
        }

        @Override
        public void flush(boolean endOfInput) throws IOException, InterruptedException {
            writer.flush(endOfInput);
        }

        @Override
        public Collection<C> prepareCommit() throws IOException, InterruptedException {
            return writer.prepareCommit();
        }

        @Override
        public List<S> snapshotState(long checkpointId) throws IOException {
            return writer.snapshotState(checkpointId);
        }

        @Override
        public void close() throws Exception {
            IOUtils.closeAll(writer, adminOf(writer));
        }

        private static AutoCloseable adminOf(Object writer) throws ReflectiveOperationException {
            for (Field field : writer.getClass().getDeclaredFields()) {
                if (field.getName().equals(ADMIN_FIELD)) {
                    field.setAccessible(true);
                    return (AutoCloseable) field.get(writer);
                }
            }
            return null;
        }
    }
}
