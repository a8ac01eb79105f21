package dev.headwater.kernel.secure;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads a secret from the file that it is mounted as. */
public final class SecretFile {
    private SecretFile() {}

    /** The file's text without the line end that editors put there. Throws IOException that names the file. */
    public static String read(Path file) throws IOException {
        String secret;
        try {
            secret = Files.readString(file).stripTrailing();
        } catch (IOException e) {
            throw new IOException("the secret " + file + " cannot be read: " + e, e);
        }
        if (secret.isEmpty()) {
            throw new IOException("the secret " + file + " is empty");
        }
        return secret;
    }
}
