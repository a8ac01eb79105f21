package dev.headwater.kernel.commit;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.OutputStream;
import org.apache.flink.api.common.JobID;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.Path;

/**
 * A file below the checkpoint directory by which whoever starts the next job learns that this one's newest checkpoint,
 * or the one that it was started from if it has none, must not be gone on from: pipelines/unusable.py reads it.
 *
 * @param checkpoints URL of the checkpoint directory
 * @param restoredFrom URL of the checkpoint or savepoint that the job was started from, or null
 */
record RefusalNote(String checkpoints, String restoredFrom, JobID job) {
    private static final String DIRECTORY = "unusable";
    private static final String REASON = "commit_refused";

    void leave() throws IOException {
        Path file = new Path(new Path(checkpoints, DIRECTORY), job.toHexString() + ".json");
        FileSystem files = file.getFileSystem();
        if (files.exists(file)) {
            return; // another subtask's: it says the same
        }
        ObjectMapper json = new ObjectMapper();
        ObjectNode note = json.createObjectNode().put("reason", REASON).put("restored_from", restoredFrom);
        try (OutputStream out = files.create(file, FileSystem.WriteMode.OVERWRITE)) {
            out.write(json.writeValueAsBytes(note));
        }
    }
}
