package dev.headwater.kernel.decode;

import dev.headwater.kernel.decode.FieldProgram.Step;
import java.util.Arrays;

/**
 * Where the elements of an exploded array start in the event that was read last. They are read one by one after the
 * event, when the fields around the array are known.
 */
final class Elements {
    static final int MAX_ELEMENTS = 65_535;

    private int[] starts = new int[16];
    private int size;
    private Step element;

    void clear() {
        size = 0;
    }

    int size() {
        return size;
    }

    /** Passes over the array at the cursor. */
    void find(Cursor in, Skip passed, Step step) throws RejectedException {
        element = step;
        for (long items = in.nextBlock(); items > 0; items = in.nextBlock()) {
            if (size + items > MAX_ELEMENTS) {
                throw Cursor.malformed("an array of more than " + MAX_ELEMENTS + " elements");
            }
            if (size + items > starts.length) {
                starts = Arrays.copyOf(starts, (int) Math.max(size + items, Math.min(MAX_ELEMENTS, 2L * starts.length)));
            }
            for (long i = 0; i < items; i++) {
                starts[size++] = in.position;
                passed.skip(in);
            }
        }
    }

    /** Reads one element, whose slots must be clear. */
    void read(int index, Cursor in, Slots out) throws RejectedException {
        in.seek(starts[index]);
        element.run(in, out);
    }
}
