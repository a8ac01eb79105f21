package dev.headwater.kernel.decode;

import dev.headwater.kernel.decode.FieldProgram.Step;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.IndexedRecord;

/** Steps that set what a default value of the reader schema has at the paths that a plan names. */
final class Constants {
    private Constants() {}

    static void add(Object value, Schema schema, Targets targets, Collection<Step> steps) throws RejectedException {
        if (targets.isEmpty() || value == null) {
            return;
        }
        if (schema.getType() == Schema.Type.UNION) {
            add(value, schema.getTypes().get(GenericData.get().resolveUnion(schema, value)), targets, steps);
            return;
        }
        if (value instanceof IndexedRecord record) {
            for (Schema.Field field : record.getSchema().getFields()) {
                add(record.get(field.pos()), field.schema(), targets.child(field.name()), steps);
            }
            return;
        }
        if (targets.isExploded()) {
            if (value instanceof List<?> list && list.isEmpty()) {
                return;
            }
            throw FieldProgram.incompatible("the exploded array has elements by default");
        }
        int slot = targets.slot();
        if (value instanceof Double || value instanceof Float) {
            double number = ((Number) value).doubleValue();
            steps.add((in, out) -> out.setDouble(slot, number));
        } else if (value instanceof Number number) {
            steps.add((in, out) -> out.setLong(slot, number.longValue()));
        } else if (value instanceof Boolean truth) {
            steps.add((in, out) -> out.setLong(slot, truth ? 1 : 0));
        } else if (Decimals.isDecimal(schema)) {
            byte[] unscaled = blob(value);
            double number = Decimals.value(unscaled, 0, unscaled.length, Decimals.scale(schema));
            steps.add((in, out) -> out.setDouble(slot, number));
        } else {
            byte[] bytes = value instanceof List<?> list ? vector(list) : blob(value);
            steps.add((in, out) -> out.setBlob(slot, bytes, 0, bytes.length));
        }
    }

    private static byte[] vector(List<?> numbers) {
        ByteBuffer bytes = ByteBuffer.allocate(numbers.size() * Double.BYTES);
        for (Object number : numbers) {
            bytes.putDouble(((Number) number).doubleValue());
        }
        return bytes.array();
    }

    private static byte[] blob(Object value) {
        if (value instanceof ByteBuffer buffer) {
            byte[] bytes = new byte[buffer.remaining()];
            buffer.duplicate().get(bytes);
            return bytes;
        }
        return value instanceof GenericFixed fixed ? fixed.bytes() : FieldProgram.utf8(value.toString());
    }
}
