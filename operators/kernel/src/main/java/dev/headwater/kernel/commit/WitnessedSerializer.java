package dev.headwater.kernel.commit;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/**
 * Writes the witness before the bytes of the sink's own serializer, and reads what that one wrote alone, up to VERSION,
 * into checkpoints of jobs that kept no witnesses.
 */
final class WitnessedSerializer<C> implements SimpleVersionedSerializer<Witnessed<C>> {
    /** Above any version that the sink's own serializer has or will get. */
    static final int VERSION = 1001;

    private final SimpleVersionedSerializer<C> serializer;

    WitnessedSerializer(SimpleVersionedSerializer<C> serializer) {
        this.serializer = serializer;
    }

    @Override
    public int getVersion() {
        return VERSION;
    }

    @Override
    public byte[] serialize(Witnessed<C> witnessed) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        Witness witness = witnessed.witness();
        out.writeBoolean(witness != null);
        if (witness != null) {
            out.writeUTF(witness.topic());
            out.writeInt(witness.partition());
            out.writeLong(witness.offset());
        }
        out.writeInt(serializer.getVersion());
        out.write(serializer.serialize(witnessed.committable()));
        return bytes.toByteArray();
    }

    @Override
    public Witnessed<C> deserialize(int version, byte[] bytes) throws IOException {
        if (version < VERSION) {
            return new Witnessed<>(serializer.deserialize(version, bytes), null);
        }
        DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
        Witness witness = in.readBoolean() ? new Witness(in.readUTF(), in.readInt(), in.readLong()) : null;
        int inner = in.readInt();
        return new Witnessed<>(serializer.deserialize(inner, in.readAllBytes()), witness);
    }
}
