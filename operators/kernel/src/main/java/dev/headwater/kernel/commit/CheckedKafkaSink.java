package dev.headwater.kernel.commit;

import java.io.IOException;
import java.lang.reflect.Field;
import java.util.Collection;
import java.util.List;
import java.util.Properties;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.api.connector.sink2.CommitterInitContext;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.TwoPhaseCommittingStatefulSink;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.KafkaException;
import org.apache.flink.streaming.api.connector.sink2.CommittableMessage;
import org.apache.flink.streaming.api.connector.sink2.SupportsPostCommitTopology;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.util.IOUtils;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The Kafka sink (connector 5.0.0), with three things mended. Its committer goes on after a commit that the broker has
 * refused: see {@link CheckedCommitter}. Its exactly-once writer opens an admin client to find the transactions of an
 * earlier attempt, and never closes it: each restart of a job would leave a thread and connections behind. And closing
 * its writer after a delivery has failed ends the TaskManager: see {@link Writer#close}.
 */
public final class CheckedKafkaSink<T, S, C>
        implements TwoPhaseCommittingStatefulSink<T, S, Witnessed<C>>, SupportsPostCommitTopology<Witnessed<C>> {
    private static final long serialVersionUID = 1L;
    private static final Logger LOG = LoggerFactory.getLogger(CheckedKafkaSink.class);
    private static final String ADMIN_FIELD = "adminClient";

    private final TwoPhaseCommittingStatefulSink<T, S, C> sink;
    private final SupportsPostCommitTopology<C> topology;
    private final Properties connection;
    private final String checkpoints;
    private final String restoredFrom;

    /**
     * @param connection the brokers, and how they are reached
     * @param job the job's configuration: where its checkpoints go, and from which it is started
     */
    // The sink's own names for its state and committables are not public.
    @SuppressWarnings("unchecked")
    public CheckedKafkaSink(KafkaSink<T> sink, Properties connection, ReadableConfig job) {
        this.sink = (TwoPhaseCommittingStatefulSink<T, S, C>) (TwoPhaseCommittingStatefulSink<T, ?, ?>) sink;
        this.topology = (SupportsPostCommitTopology<C>) (SupportsPostCommitTopology<?>) sink;
        this.connection = connection;
        this.checkpoints = job.get(CheckpointingOptions.CHECKPOINTS_DIRECTORY);
        this.restoredFrom = job.get(StateRecoveryOptions.SAVEPOINT_PATH);
    }

    @Override
    public PrecommittingStatefulSinkWriter<T, S, Witnessed<C>> createWriter(WriterInitContext context)
            throws IOException {
        FirstRecord firstRecord = new FirstRecord();
        return new Writer<>(sink.createWriter(new WitnessingContext(context, firstRecord)), firstRecord);
    }

    @Override
    public PrecommittingStatefulSinkWriter<T, S, Witnessed<C>> restoreWriter(
            WriterInitContext context, Collection<S> state) throws IOException {
        FirstRecord firstRecord = new FirstRecord();
        return new Writer<>(sink.restoreWriter(new WitnessingContext(context, firstRecord), state), firstRecord);
    }

    @Override
    public SimpleVersionedSerializer<S> getWriterStateSerializer() {
        return sink.getWriterStateSerializer();
    }

    @Override
    public Committer<Witnessed<C>> createCommitter(CommitterInitContext context) throws IOException {
        RefusalNote note = new RefusalNote(checkpoints, restoredFrom, context.getJobInfo().getJobId());
        return new CheckedCommitter<>(sink.createCommitter(context), new LogFates(connection), note);
    }

    @Override
    public SimpleVersionedSerializer<Witnessed<C>> getCommittableSerializer() {
        return new WitnessedSerializer<>(sink.getCommittableSerializer());
    }

    // The sink only looks at the graph above the stream, not at what is in it.
    @SuppressWarnings("unchecked")
    @Override
    public void addPostCommitTopology(DataStream<CommittableMessage<Witnessed<C>>> committables) {
        topology.addPostCommitTopology((DataStream<CommittableMessage<C>>) (DataStream<?>) committables);
    }

    record Writer<T, S, C>(PrecommittingStatefulSinkWriter<T, S, C> writer, FirstRecord firstRecord)
            implements PrecommittingStatefulSinkWriter<T, S, Witnessed<C>> {

        @Override
        public void write(T element, Context context) throws IOException, InterruptedException {
            writer.write(element, context);
        }

        @Override
        public void flush(boolean endOfInput) throws IOException, InterruptedException {
            writer.flush(endOfInput);
        }

        @Override
        public Collection<Witnessed<C>> prepareCommit() throws IOException, InterruptedException {
            Witness witness = firstRecord.take();
            return writer.prepareCommit().stream().map(each -> new Witnessed<>(each, witness)).toList();
        }

        @Override
        public List<S> snapshotState(long checkpointId) throws IOException {
            return writer.snapshotState(checkpointId);
        }

        /**
         * What could not be delivered is told by {@link #flush}, before it is committed. Kafka's writer says it once more
         * when it is closed, and all of it belongs to a transaction that is never committed then; but an error while a
         * failed task is cleaned up costs the whole TaskManager, with all the jobs that run in it. So does a broker that is
         * away for so long that the transaction cannot even be aborted: it times out there.
         */
        @Override
        public void close() throws Exception {
            try {
                IOUtils.closeAll(writer, adminOf(writer));
            } catch (IOException | KafkaException undelivered) {
                LOG.warn("closed with records that were not delivered, and that no checkpoint has", undelivered);
            }
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
