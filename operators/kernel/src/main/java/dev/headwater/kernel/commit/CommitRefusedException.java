package dev.headwater.kernel.commit;

import java.io.IOException;
import org.apache.flink.runtime.throwable.ThrowableAnnotation;
import org.apache.flink.runtime.throwable.ThrowableType;

/**
 * What a checkpoint was about to commit has been aborted. The job fails for good: restarted, it would go on from that
 * checkpoint, without the rows. `headwater compute` knows this exception by its name, and goes on from an older one.
 */
@ThrowableAnnotation(ThrowableType.NonRecoverableError)
public final class CommitRefusedException extends IOException {
    private static final long serialVersionUID = 1L;

    CommitRefusedException(Object committable, Throwable cause) {
        super("the broker has aborted what was to be committed, " + committable, cause);
    }
}
