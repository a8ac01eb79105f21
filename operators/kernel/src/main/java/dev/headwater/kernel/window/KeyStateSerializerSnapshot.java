package dev.headwater.kernel.window;

import dev.headwater.kernel.aggregate.CellLayout;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSchemaCompatibility;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * What a savepoint remembers of the serializer: the layout of the tiles. A job whose view cannot go on from such tiles is
 * refused, since it would read one aggregate's slots as another's; one that needs fewer cells, or has them in another
 * order, has them moved.
 */
public final class KeyStateSerializerSnapshot implements TypeSerializerSnapshot<KeyState> {
    static final int VERSION = 3;
    /** Wrote layouts of at most 64 KiB. */
    private static final int SHORT_LAYOUTS = 1;
    /** Wrote layouts in words only. */
    private static final int WORDS_ONLY = 2;

    private KeyStateSerializer serializer;

    /** For Flink, which then calls {@link #readSnapshot}. */
    public KeyStateSerializerSnapshot() {}

    KeyStateSerializerSnapshot(KeyStateSerializer serializer) {
        this.serializer = serializer;
    }

    @Override
    public int getCurrentVersion() {
        return VERSION;
    }

    @Override
    public void writeSnapshot(DataOutputView out) throws IOException {
        StateLayout layout = serializer.layout();
        writeText(layout.words(), out);
        out.writeInt(layout.stride());
        out.writeInt(layout.objectStride());
        writeText(layout.meaning(), out);
        out.writeInt(layout.columns().size());
        for (Map.Entry<String, String> column : layout.columns().entrySet()) {
            writeText(column.getKey(), out);
            writeText(column.getValue(), out);
        }
        out.writeInt(layout.cells().size());
        for (CellLayout.Place cell : layout.cells()) {
            writeText(cell.name(), out);
            out.writeInt(cell.at());
            out.writeInt(cell.slots());
            out.writeInt(cell.objectAt());
            out.writeInt(cell.objects());
        }
    }

    @Override
    public void readSnapshot(int version, DataInputView in, ClassLoader loader) throws IOException {
        if (version < SHORT_LAYOUTS || version > VERSION) {
            throw new IOException(
                    "key states of version " + version + "; this kernel reads versions up to " + VERSION);
        }
        String words = version == SHORT_LAYOUTS ? in.readUTF() : readText(in);
        int stride = in.readInt();
        int objectStride = in.readInt();
        serializer = new KeyStateSerializer(
                version <= WORDS_ONLY
                        ? StateLayout.inWords(words, stride, objectStride)
                        : new StateLayout(words, stride, objectStride, readText(in), readColumns(in), readCells(in)));
    }

    private static Map<String, String> readColumns(DataInputView in) throws IOException {
        Map<String, String> columns = new TreeMap<>();
        for (int left = in.readInt(); left > 0; left--) {
            columns.put(readText(in), readText(in));
        }
        return columns;
    }

    private static List<CellLayout.Place> readCells(DataInputView in) throws IOException {
        List<CellLayout.Place> cells = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            cells.add(new CellLayout.Place(readText(in), in.readInt(), in.readInt(), in.readInt(), in.readInt()));
        }
        return cells;
    }

    private static void writeText(String text, DataOutputView out) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    private static String readText(DataInputView in) throws IOException {
        byte[] text = new byte[in.readInt()];
        in.readFully(text);
        return new String(text, StandardCharsets.UTF_8);
    }

    @Override
    public TypeSerializer<KeyState> restoreSerializer() {
        return serializer;
    }

    @Override
    public TypeSerializerSchemaCompatibility<KeyState> resolveSchemaCompatibility(
            TypeSerializerSnapshot<KeyState> oldSnapshot) {
        if (!(oldSnapshot instanceof KeyStateSerializerSnapshot old)
                || !serializer.layout().canFollow(old.serializer.layout())) {
            return TypeSerializerSchemaCompatibility.incompatible();
        }
        return serializer.layout().isAs(old.serializer.layout())
                ? TypeSerializerSchemaCompatibility.compatibleAsIs()
                : TypeSerializerSchemaCompatibility.compatibleAfterMigration();
    }
}
