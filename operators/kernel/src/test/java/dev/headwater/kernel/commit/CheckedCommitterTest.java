package dev.headwater.kernel.commit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.runtime.throwable.ThrowableClassifier;
import org.apache.flink.runtime.throwable.ThrowableType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The committer below refuses every committable that is called "fenced" or "broken", and has "busy" come again. */
final class CheckedCommitterTest {
    private static final JobID JOB = JobID.fromHexString("00000000000000000000000000000abc");
    private static final Witness WITNESS = new Witness("log", 3, 17);

    @TempDir
    private Path directory;

    private final Refusing refusing = new Refusing();
    private final List<Request> requests = new ArrayList<>();
    private RefusalNote note;

    @BeforeEach
    void note() {
        note = new RefusalNote(directory.toUri().toString(), "file:/state/chk-7", JOB);
    }

    @Test
    void whatIsCommittedPassesAndTheLogIsNotAsked() throws Exception {
        commit(witness -> { throw new AssertionError("asked"); }, request("first", WITNESS), request("second", null));
        assertEquals(List.of("first", "second"), refusing.seen);
        assertEquals(List.of("", ""), signals());
    }

    @Test
    void whatWasCommittedBeforeARestartIsToldFromWhatWasAborted() throws Exception {
        commit(witness -> Fate.COMMITTED, request("fenced", WITNESS), request("broken", WITNESS));
        assertEquals(List.of("already committed", "already committed"), signals());
        assertFalse(Files.exists(directory.resolve("unusable")));
    }

    @Test
    void anAbortedTransactionFailsTheJobForGoodAndLeavesWordWhereItCameFrom() throws Exception {
        CommitRefusedException refusal = assertThrows(
                CommitRefusedException.class,
                () -> commit(witness -> Fate.ABORTED, request("first", WITNESS), request("fenced", WITNESS)));
        assertInstanceOf(IllegalStateException.class, refusal.getCause());
        assertTrue(ThrowableClassifier.findThrowableOfThrowableType(
                        new IOException(refusal), ThrowableType.NonRecoverableError)
                .isPresent());
        assertEquals(
                Map.of(JOB.toHexString() + ".json",
                        "{\"reason\":\"commit_refused\",\"restored_from\":\"file:/state/chk-7\"}"),
                notes());
    }

    @Test
    void theNoteOfAnotherSubtaskStays() throws Exception {
        Path first = Files.createDirectories(directory.resolve("unusable")).resolve(JOB.toHexString() + ".json");
        Files.writeString(first, "the first");
        assertThrows(
                CommitRefusedException.class, () -> commit(witness -> Fate.ABORTED, request("fenced", WITNESS)));
        assertEquals("the first", Files.readString(first));
    }

    @Test
    void aRefusalIsToldThoughNoWordCanBeLeft() throws Exception {
        Files.writeString(directory.resolve("unusable"), "a file, where the directory should be");
        CommitRefusedException refusal = assertThrows(
                CommitRefusedException.class, () -> commit(witness -> Fate.ABORTED, request("fenced", WITNESS)));
        assertEquals(1, refusal.getSuppressed().length);
    }

    @Test
    void whatTheLogHasForgottenAndWhatHasNoWitnessFailsAsItDidBefore() throws Exception {
        commit(witness -> Fate.FORGOTTEN, request("fenced", WITNESS), request("broken", WITNESS), request("fenced", null));
        assertEquals(List.of("known", "unknown", "known"), signals());
    }

    @Test
    void aJobRestartsIfTheLogCannotBeAskedNow() {
        IOException away = new IOException("away");
        assertSame(away, assertThrows(IOException.class, () -> commit(witness -> { throw away; }, request("fenced", WITNESS))));
    }

    @Test
    void whatIsTriedAgainKeepsItsWitness() throws Exception {
        Request busy = request("busy", WITNESS);
        commit(witness -> Fate.ABORTED, busy);
        assertEquals("again", busy.signal);
        assertEquals(new Witnessed<>("less busy", WITNESS), busy.witnessed);
    }

    private void commit(Fates fates, Request... given) throws IOException, InterruptedException {
        requests.addAll(List.of(given));
        new CheckedCommitter<>(refusing, fates, note).commit(List.copyOf(requests));
    }

    private List<String> signals() {
        return requests.stream().map(request -> request.signal).toList();
    }

    private Map<String, String> notes() throws IOException {
        try (Stream<Path> files = Files.list(directory.resolve("unusable"))) {
            Path only = files.filter(file -> !file.getFileName().toString().startsWith(".")).toList().get(0);
            return Map.of(only.getFileName().toString(), Files.readString(only));
        }
    }

    private static Request request(String committable, Witness witness) {
        return new Request(new Witnessed<>(committable, witness));
    }

    private static final class Refusing implements Committer<String> {
        private final List<String> seen = new ArrayList<>();

        @Override
        public void commit(Collection<CommitRequest<String>> requests) {
            for (CommitRequest<String> request : requests) {
                seen.add(request.getCommittable());
                switch (request.getCommittable()) {
                    case "fenced" -> request.signalFailedWithKnownReason(new IllegalStateException("fenced"));
                    case "broken" -> request.signalFailedWithUnknownReason(new IllegalStateException("broken"));
                    case "busy" -> request.updateAndRetryLater("less busy");
                    default -> { }
                }
            }
        }

        @Override
        public void close() {}
    }

    private static final class Request implements Committer.CommitRequest<Witnessed<String>> {
        private Witnessed<String> witnessed;
        private String signal = "";

        Request(Witnessed<String> witnessed) {
            this.witnessed = witnessed;
        }

        @Override
        public Witnessed<String> getCommittable() {
            return witnessed;
        }

        @Override
        public int getNumberOfRetries() {
            return 0;
        }

        @Override
        public void signalFailedWithKnownReason(Throwable reason) {
            signal = "known";
        }

        @Override
        public void signalFailedWithUnknownReason(Throwable reason) {
            signal = "unknown";
        }

        @Override
        public void retryLater() {
            signal = "again";
        }

        @Override
        public void updateAndRetryLater(Witnessed<String> next) {
            witnessed = next;
            retryLater();
        }

        @Override
        public void signalAlreadyCommitted() {
            signal = "already committed";
        }
    }
}
