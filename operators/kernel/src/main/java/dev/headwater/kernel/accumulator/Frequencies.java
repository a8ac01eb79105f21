package dev.headwater.kernel.accumulator;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;
import java.util.Comparator;
import org.apache.datasketches.common.ArrayOfStringsSerDe;
import org.apache.datasketches.frequencies.ErrorType;
import org.apache.datasketches.frequencies.ItemsSketch;
import org.apache.datasketches.memory.Memory;

/**
 * The weight of each text, in a frequent-items sketch of DataSketches. Exact while there are no more texts than fit;
 * beyond, a weight is too great by at most 3.5 / 1024 of the sum of all weights.
 */
public final class Frequencies implements Accumulator {
    private static final int MAP_SIZE = 1024;
    private static final Comparator<ItemsSketch.Row<String>> HEAVIEST_FIRST =
            Comparator.<ItemsSketch.Row<String>>comparingLong(ItemsSketch.Row::getEstimate)
                    .reversed()
                    .thenComparing(ItemsSketch.Row::getItem, Texts.BY_CODE_POINT);

    private final ItemsSketch<String> sketch;

    public Frequencies() {
        this(new ItemsSketch<>(MAP_SIZE));
    }

    private Frequencies(ItemsSketch<String> sketch) {
        this.sketch = sketch;
    }

    /** The weight must be positive. */
    public void add(String text, long weight) {
        sketch.update(text, weight);
    }

    public void merge(Frequencies other) {
        sketch.merge(other.sketch);
    }

    /** The heaviest texts, heaviest first, those of one weight by code points; at most so many. */
    public TextMap heaviest(int limit) {
        ItemsSketch.Row<String>[] rows = sketch.getFrequentItems(0, ErrorType.NO_FALSE_NEGATIVES);
        Arrays.sort(rows, HEAVIEST_FIRST);
        int size = Math.min(limit, rows.length);
        TextMap heaviest = new TextMap(size);
        for (int i = 0; i < size; i++) {
            heaviest.add(Texts.utf8(rows[i].getItem()), rows[i].getEstimate());
        }
        return heaviest;
    }

    @Override
    public byte tag() {
        return TileObjects.FREQUENCIES;
    }

    @Override
    public Frequencies copy() {
        Frequencies copy = new Frequencies();
        copy.merge(this);
        return copy;
    }

    @Override
    public void write(DataOutput out) throws IOException {
        TileObjects.writeBytes(sketch.toByteArray(new ArrayOfStringsSerDe()), out);
    }

    static Frequencies read(DataInput in) throws IOException {
        Memory bytes = Memory.wrap(TileObjects.readBytes(in));
        return new Frequencies(ItemsSketch.getInstance(bytes, new ArrayOfStringsSerDe()));
    }
}
