package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.Reason;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Resolver;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaCompatibility.SchemaCompatibilityType;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.IndexedRecord;

/**
 * Reads the fields that a plan names straight from Avro binary into {@link Slots}, with no object per event: Avro's own
 * resolution of one writer schema against the reader schema, compiled to a list of steps. Everything else in the event
 * is passed over, bounds checked. Logical types come as the primitive below them, an enum as the name of its symbol.
 */
final class FieldProgram {
    /** Reads one value of the writer. */
    private interface Step {
        void run(Cursor in, Slots out) throws RejectedException;
    }

    private final Step root;

    private FieldProgram(Step root) {
        this.root = root;
    }

    /**
     * The program that reads events of this writer. Throws {@link RejectedException} with
     * {@link Reason#SCHEMA_INCOMPATIBLE} if Avro's rules do not let the reader read the writer.
     */
    static FieldProgram compile(Schema writer, Schema reader, Targets targets) throws RejectedException {
        try {
            var compatibility = SchemaCompatibility.checkReaderWriterCompatibility(reader, writer);
            if (compatibility.getType() != SchemaCompatibilityType.COMPATIBLE) {
                throw incompatible(String.valueOf(compatibility.getResult().getIncompatibilities()));
            }
            Schema aliased = Schema.applyAliases(writer, reader);
            return new FieldProgram(step(Resolver.resolve(aliased, reader, new GenericData()), targets));
        } catch (AvroRuntimeException e) {
            throw incompatible(String.valueOf(e.getMessage()));
        }
    }

    /** Fills the slots from the event at the cursor, which then stands behind it. Slots must be clear. */
    void run(Cursor in, Slots out) throws RejectedException {
        root.run(in, out);
    }

    private static Step step(Resolver.Action action, Targets targets) throws RejectedException {
        if (targets.isEmpty() || action.writer.getType() == Schema.Type.NULL) {
            return skip(action.writer);
        }
        return switch (action.type) {
            case RECORD -> record((Resolver.RecordAdjust) action, targets);
            case WRITER_UNION -> writerUnion((Resolver.WriterUnion) action, targets);
            case READER_UNION -> step(((Resolver.ReaderUnion) action).actualAction, targets);
            case ENUM -> enumeration((Resolver.EnumAdjust) action, targets.slot());
            case DO_NOTHING, PROMOTE -> primitive(action.writer, action.reader, targets.slot());
            case CONTAINER, SKIP -> skip(action.writer);
            case ERROR -> throw incompatible(action.toString());
        };
    }

    private static Step record(Resolver.RecordAdjust action, Targets targets) throws RejectedException {
        List<Step> steps = new ArrayList<>();
        int read = 0;
        for (Resolver.Action field : action.fieldActions) {
            boolean needed = field.type != Resolver.Action.Type.SKIP;
            Targets below = needed ? targets.child(action.readerOrder[read++].name()) : Targets.NONE;
            steps.add(step(field, below));
        }
        for (int i = action.firstDefault; i < action.readerOrder.length; i++) {
            Targets below = targets.child(action.readerOrder[i].name());
            constants(action.defaults[i - action.firstDefault], below, steps);
        }
        Step[] sequence = steps.toArray(Step[]::new);
        return (in, out) -> {
            for (Step step : sequence) {
                step.run(in, out);
            }
        };
    }

    private static Step writerUnion(Resolver.WriterUnion action, Targets targets) throws RejectedException {
        Step[] branches = new Step[action.actions.length];
        for (int i = 0; i < branches.length; i++) {
            branches[i] = step(action.actions[i], targets);
        }
        return (in, out) -> branches[in.readIndex(branches.length)].run(in, out);
    }

    private static Step enumeration(Resolver.EnumAdjust action, int slot) {
        byte[][] names = new byte[action.values.length][];
        for (int i = 0; i < names.length; i++) {
            names[i] = action.values[i] == null ? null : utf8(action.values[i].toString());
        }
        return (in, out) -> {
            byte[] name = names[in.readIndex(names.length)];
            if (name == null) {
                throw incompatible("an enum symbol that the reader does not know");
            }
            out.setBlob(slot, name, 0, name.length);
        };
    }

    private static Step primitive(Schema writer, Schema reader, int slot) {
        boolean text = reader.getType() == Schema.Type.STRING;
        return switch (writer.getType()) {
            case BOOLEAN -> (in, out) -> out.setLong(slot, in.readByte() == 1 ? 1 : 0);
            case INT, LONG -> integer(writer, reader, slot);
            case FLOAT -> (in, out) -> out.setDouble(slot, in.readFloat());
            case DOUBLE -> (in, out) -> out.setDouble(slot, in.readDouble());
            case STRING, BYTES -> (in, out) -> {
                int length = in.readLength();
                if (text) {
                    in.requireUtf8(in.position, length);
                }
                out.setBlob(slot, in.bytes, in.position, length);
                in.skip(length);
            };
            case FIXED -> {
                int size = writer.getFixedSize();
                yield (in, out) -> {
                    int start = in.position;
                    in.skip(size);
                    out.setBlob(slot, in.bytes, start, size);
                };
            }
            default -> throw new IllegalStateException("Avro resolves no " + writer.getType() + " as a primitive");
        };
    }

    private static Step integer(Schema writer, Schema reader, int slot) {
        boolean small = writer.getType() == Schema.Type.INT;
        return switch (reader.getType()) {
            case FLOAT -> (in, out) -> out.setDouble(slot, (float) (small ? in.readInt() : in.readLong()));
            case DOUBLE -> (in, out) -> out.setDouble(slot, small ? in.readInt() : in.readLong());
            default -> small
                    ? (in, out) -> out.setLong(slot, in.readInt())
                    : (in, out) -> out.setLong(slot, in.readLong());
        };
    }

    private static Step skip(Schema writer) {
        Skip skip = Skip.of(writer);
        return (in, out) -> skip.skip(in);
    }

    /** Steps that set what a default value of the reader schema has at the paths. */
    private static void constants(Object value, Targets targets, Collection<Step> steps) {
        if (targets.isEmpty() || value == null) {
            return;
        }
        if (value instanceof IndexedRecord record) {
            for (Schema.Field field : record.getSchema().getFields()) {
                constants(record.get(field.pos()), targets.child(field.name()), steps);
            }
            return;
        }
        int slot = targets.slot();
        if (value instanceof Double || value instanceof Float) {
            double number = ((Number) value).doubleValue();
            steps.add((in, out) -> out.setDouble(slot, number));
        } else if (value instanceof Number number) {
            steps.add((in, out) -> out.setLong(slot, number.longValue()));
        } else if (value instanceof Boolean truth) {
            steps.add((in, out) -> out.setLong(slot, truth ? 1 : 0));
        } else {
            byte[] bytes = blob(value);
            steps.add((in, out) -> out.setBlob(slot, bytes, 0, bytes.length));
        }
    }

    private static byte[] blob(Object value) {
        if (value instanceof ByteBuffer buffer) {
            byte[] bytes = new byte[buffer.remaining()];
            buffer.duplicate().get(bytes);
            return bytes;
        }
        return value instanceof GenericFixed fixed ? fixed.bytes() : utf8(value.toString());
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static RejectedException incompatible(String detail) {
        return new RejectedException(Reason.SCHEMA_INCOMPATIBLE, detail);
    }
}
