package dev.headwater.kernel.commit;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.apache.flink.api.connector.sink2.Committer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Passes no commit that failed. The sink's own committer reports one and goes on, for good reasons: after a restart it
 * commits once more what may have been committed before, and is refused because the transaction's id has been used
 * again since. It cannot tell that from a transaction that the broker has aborted. The log can.
 */
final class CheckedCommitter<C> implements Committer<Witnessed<C>> {
    private static final Logger LOG = LoggerFactory.getLogger(CheckedCommitter.class);

    private final Committer<C> committer;
    private final Fates fates;
    private final RefusalNote note;

    CheckedCommitter(Committer<C> committer, Fates fates, RefusalNote note) {
        this.committer = committer;
        this.fates = fates;
        this.note = note;
    }

    /**
     * @throws CommitRefusedException if something was aborted that was to be committed
     */
    @Override
    public void commit(Collection<CommitRequest<Witnessed<C>>> requests) throws IOException, InterruptedException {
        List<Attempt<C>> attempts = new ArrayList<>(requests.size());
        requests.forEach(request -> attempts.add(new Attempt<>(request)));
        committer.commit(new ArrayList<>(attempts));
        for (Attempt<C> attempt : attempts) {
            if (attempt.failure != null) {
                judge(attempt);
            }
        }
    }

    @Override
    public void close() throws Exception {
        committer.close();
    }

    private void judge(Attempt<C> attempt) throws IOException {
        Witnessed<C> witnessed = attempt.request.getCommittable();
        Fate fate = witnessed.witness() == null ? Fate.FORGOTTEN : fates.of(witnessed.witness());
        LOG.info("{}: {} by the log; {}", witnessed, fate, attempt.failure.toString());
        switch (fate) {
            case COMMITTED -> attempt.request.signalAlreadyCommitted();
            case ABORTED -> throw refusal(witnessed, attempt.failure);
            case FORGOTTEN -> attempt.passOn();
        }
    }

    private CommitRefusedException refusal(Witnessed<C> witnessed, Throwable failure) {
        CommitRefusedException refusal = new CommitRefusedException(witnessed, failure);
        try {
            note.leave();
        } catch (IOException e) {
            // The next job goes on from the same checkpoint, is refused as well, and tries again to leave word.
            refusal.addSuppressed(e);
        }
        return refusal;
    }

    /** A request that keeps to itself, for now, that it failed. */
    private static final class Attempt<C> implements CommitRequest<C> {
        private final CommitRequest<Witnessed<C>> request;
        private Throwable failure;
        private boolean isKnown;

        Attempt(CommitRequest<Witnessed<C>> request) {
            this.request = request;
        }

        void passOn() {
            if (isKnown) {
                request.signalFailedWithKnownReason(failure);
            } else {
                request.signalFailedWithUnknownReason(failure);
            }
        }

        @Override
        public C getCommittable() {
            return request.getCommittable().committable();
        }

        @Override
        public int getNumberOfRetries() {
            return request.getNumberOfRetries();
        }

        @Override
        public void signalFailedWithKnownReason(Throwable reason) {
            failure = reason;
            isKnown = true;
        }

        @Override
        public void signalFailedWithUnknownReason(Throwable reason) {
            failure = reason;
        }

        @Override
        public void retryLater() {
            request.retryLater();
        }

        @Override
        public void updateAndRetryLater(C committable) {
            request.updateAndRetryLater(new Witnessed<>(committable, request.getCommittable().witness()));
        }

        @Override
        public void signalAlreadyCommitted() {
            request.signalAlreadyCommitted();
        }

        /** The sink's committer logs it. */
        @Override
        public String toString() {
            return request.getCommittable().toString();
        }
    }
}
