package dev.headwater.kernel.decode;

import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;

/** Passes over one value of a writer schema without reading it. */
interface Skip {

    void skip(Cursor in) throws RejectedException;

    /** The skipper of this schema, which may be recursive. */
    static Skip of(Schema schema) {
        return of(schema, new IdentityHashMap<>());
    }

    private static Skip of(Schema schema, Map<Schema, SkipRecord> records) {
        return switch (schema.getType()) {
            case NULL -> in -> {};
            case BOOLEAN -> in -> in.skip(1);
            case INT, LONG, ENUM -> Cursor::readLong;
            case FLOAT -> in -> in.skip(4);
            case DOUBLE -> in -> in.skip(8);
            case STRING, BYTES -> in -> in.skip(in.readLength());
            case FIXED -> fixed(schema.getFixedSize());
            case ARRAY -> items(of(schema.getElementType(), records));
            case MAP -> items(entry(of(schema.getValueType(), records)));
            case UNION -> union(schema.getTypes().stream().map(type -> of(type, records)).toList());
            case RECORD -> record(schema, records);
        };
    }

    private static Skip fixed(int size) {
        return in -> in.skip(size);
    }

    private static Skip entry(Skip value) {
        return in -> {
            in.skip(in.readLength());
            value.skip(in);
        };
    }

    private static Skip items(Skip item) {
        return in -> {
            in.enter();
            for (long items = in.skipBlocks(); items > 0; items = in.skipBlocks()) {
                for (long i = 0; i < items; i++) {
                    item.skip(in);
                }
            }
            in.leave();
        };
    }

    private static Skip union(List<Skip> list) {
        Skip[] branches = list.toArray(Skip[]::new);
        return in -> branches[in.readIndex(branches.length)].skip(in);
    }

    private static Skip record(Schema schema, Map<Schema, SkipRecord> records) {
        SkipRecord known = records.get(schema);
        if (known != null) {
            return known;
        }
        SkipRecord record = new SkipRecord();
        records.put(schema, record);
        record.fields = schema.getFields().stream().map(field -> of(field.schema(), records)).toArray(Skip[]::new);
        return record;
    }

    /** A record, whose fields are set after it is made, since they may contain it. */
    final class SkipRecord implements Skip {
        private Skip[] fields;

        @Override
        public void skip(Cursor in) throws RejectedException {
            in.enter();
            for (Skip field : fields) {
                field.skip(in);
            }
            in.leave();
        }
    }
}
