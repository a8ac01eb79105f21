package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.Reason;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Resolver;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaCompatibility.SchemaCompatibilityType;
import org.apache.avro.generic.GenericData;

/**
 * Reads the fields that a plan names straight from Avro binary into {@link Slots}, with no object per event: Avro's own
 * resolution of one writer schema against the reader schema, compiled to a list of steps. Everything else in the event
 * is passed over, bounds checked. Logical types come as the primitive below them, but a decimal as a double; an enum as
 * the name of its symbol; an array of numbers as a vector. Of an exploded array, only where its elements are is read.
 */
final class FieldProgram {
    /** Reads one value of the writer. */
    interface Step {
        void run(Cursor in, Slots out) throws RejectedException;
    }

    private final Step root;
    private final Skip whole;

    private FieldProgram(Step root, Skip whole) {
        this.root = root;
        this.whole = whole;
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
            Step root = step(Resolver.resolve(aliased, reader, new GenericData()), targets);
            return new FieldProgram(root, Skip.of(writer));
        } catch (AvroRuntimeException e) {
            throw incompatible(String.valueOf(e.getMessage()));
        }
    }

    /** Fills the slots from the event at the cursor, which then stands behind it. Slots must be clear. */
    void run(Cursor in, Slots out) throws RejectedException {
        root.run(in, out);
    }

    /** Passes over the event at the cursor, and reads nothing. */
    void skip(Cursor in) throws RejectedException {
        whole.skip(in);
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
            case CONTAINER -> container((Resolver.Container) action, targets);
            case SKIP -> skip(action.writer);
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
            Constants.add(action.defaults[i - action.firstDefault], action.readerOrder[i].schema(), below, steps);
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

    private static Step container(Resolver.Container action, Targets targets) throws RejectedException {
        if (action.writer.getType() != Schema.Type.ARRAY) {
            return skip(action.writer);
        }
        if (targets.isExploded()) {
            Skip passed = Skip.of(action.writer.getElementType());
            Step element = step(action.elementAction, targets.elements());
            return (in, out) -> out.elements.find(in, passed, element);
        }
        if (!targets.hasSlot()) {
            return skip(action.writer);
        }
        return Vectors.step(step(action.elementAction, targets), action.reader.getElementType(), targets.slot());
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

    private static Step primitive(Schema writer, Schema reader, int slot) throws RejectedException {
        if (Decimals.isDecimal(reader)) {
            if (!reader.getLogicalType().equals(writer.getLogicalType())) {
                throw incompatible("a decimal of another precision or scale: " + writer);
            }
            return Decimals.step(writer, Decimals.scale(reader), slot);
        }
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

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static RejectedException incompatible(String detail) {
        return new RejectedException(Reason.SCHEMA_INCOMPATIBLE, detail);
    }
}
