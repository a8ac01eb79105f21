package dev.headwater.kernel.accumulator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What must hold for each kind of accumulator, whatever it accumulates. */
class AccumulatorsTest {
    private static final HalfLife MINUTE = new HalfLife(60_000_000);

    /** How a kind is made, fed with the event of a number, merged, and read as something that can be compared. */
    private record Kind<A extends Accumulator>(
            String name,
            int events,
            Supplier<A> maker,
            BiConsumer<A, Integer> add,
            BiConsumer<A, A> merge,
            Function<A, Object> read) {
        @Override
        public String toString() {
            return name + " of " + events;
        }

        A whole() {
            A whole = maker.get();
            for (int i = 0; i < events; i++) {
                add.accept(whole, i);
            }
            return whole;
        }

        /** The same events in another order, spread over some accumulators that are then merged. */
        A merged(Random random) {
            List<Integer> order = new ArrayList<>();
            for (int i = 0; i < events; i++) {
                order.add(i);
            }
            Collections.shuffle(order, random);
            List<A> parts = Stream.generate(maker).limit(1 + random.nextInt(5)).toList();
            order.forEach(i -> add.accept(parts.get(random.nextInt(parts.size())), i));
            A merged = parts.get(0);
            parts.subList(1, parts.size()).forEach(part -> merge.accept(merged, part));
            return merged;
        }
    }

    static Stream<Kind<?>> kinds() {
        List<Kind<?>> kinds = new ArrayList<>();
        for (int events : new int[] {1, 7, 190, 5000}) {
            for (EventList.Keep keep : EventList.Keep.values()) {
                kinds.add(new Kind<EventList>(
                        "list of " + keep,
                        events,
                        EventList::new,
                        (list, i) -> list.add(entry(i), keep, 5),
                        (into, from) -> into.merge(from, keep, 5),
                        AccumulatorsTest::entries));
            }
            kinds.add(new Kind<DistinctValues>(
                    "distinct numbers",
                    events,
                    () -> new DistinctValues(1),
                    (values, i) -> values.add(i % 3000, 100, 12),
                    (into, from) -> into.merge(from, 100, 12),
                    DistinctValues::estimate));
            kinds.add(new Kind<DistinctValues>(
                    "distinct texts",
                    events,
                    () -> new DistinctValues(2),
                    (values, i) -> values.add(text(i % 300), 100, 12),
                    (into, from) -> into.merge(from, 100, 12),
                    DistinctValues::estimate));
            kinds.add(new Kind<Hll>("hll", events, () -> new Hll(10), (hll, i) -> hll.add(text(i)), Hll::merge, Hll::estimate));
            kinds.add(new Kind<Frequencies>(
                    "frequencies",
                    events,
                    Frequencies::new,
                    (sums, i) -> sums.add("t" + i % 700, 1 + i % 5),
                    Frequencies::merge,
                    sums -> map(sums.heaviest(20))));
            kinds.add(new Kind<Categories>(
                    "categories",
                    events,
                    Categories::new,
                    (counts, i) -> counts.add(text(i % 50), 9),
                    (into, from) -> into.merge(from, 9),
                    counts -> map(counts.counts())));
            // Small numbers of units, so that no sum is rounded.
            kinds.add(new Kind<VectorSum>(
                    "vector sum",
                    events,
                    () -> new VectorSum(2, 0),
                    (sum, i) -> {
                        sum.add(0, i * 0.25);
                        sum.add(1, -i);
                    },
                    VectorSum::merge,
                    sum -> List.of(sum.total(0), sum.total(1))));
        }
        kinds.add(new Kind<Quantiles>(
                "quantiles",
                Quantiles.K,
                Quantiles::new,
                (quantiles, i) -> quantiles.add(i * 7 % 100),
                Quantiles::merge,
                quantiles -> List.of(quantiles.quantile(0.01), quantiles.quantile(0.5), quantiles.quantile(0.999))));
        return kinds.stream();
    }

    @ParameterizedTest
    @MethodSource("kinds")
    <A extends Accumulator> void theValueDependsOnTheSetOfEventsAlone(Kind<A> kind) {
        Object expected = kind.read.apply(kind.whole());
        for (int seed = 0; seed < 5; seed++) {
            assertEquals(expected, kind.read.apply(kind.merged(new Random(seed))));
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    @SuppressWarnings("unchecked")
    <A extends Accumulator> void aWrittenAccumulatorComesBackAsItWasAndGoesOn(Kind<A> kind) throws IOException {
        A whole = kind.whole();
        A back = (A) TileObjects.read(in(bytes(whole)));
        assertEquals(kind.read.apply(whole), kind.read.apply(back));
        kind.add.accept(whole, 77_777);
        kind.add.accept(back, 77_777);
        assertEquals(kind.read.apply(whole), kind.read.apply(back));
    }

    @ParameterizedTest
    @MethodSource("kinds")
    @SuppressWarnings("unchecked")
    <A extends Accumulator> void aCopyDoesNotChangeWithTheOriginal(Kind<A> kind) {
        A original = kind.whole();
        Object before = kind.read.apply(original);
        A copy = (A) original.copy();
        kind.merge.accept(original, kind.merged(new Random(1)));
        kind.add.accept(original, 77_777);
        assertEquals(before, kind.read.apply(copy));
    }

    @Test
    void nothingAndBytesAreObjectsToo() throws IOException {
        assertNull(TileObjects.read(in(bytes(null))));
        assertArrayEquals(text(5), (byte[]) TileObjects.read(in(bytes(text(5)))));
    }

    @Test
    void anObjectOfALaterKernelIsRefused() {
        assertThrows(IOException.class, () -> TileObjects.read(in(new byte[] {99})));
    }

    /** At instant 2, two minutes after 1970, events of the first minute are halved; moving on is exact. */
    @Test
    void decayIsByHalfLives() {
        assertEquals(2, MINUTE.instantAfter(60_000_000));
        assertEquals(0.5, MINUTE.weight(60_000_000, 2));
        assertEquals(Math.sqrt(0.5), MINUTE.weight(30_000_000, 1), 1e-15);
        assertEquals(0.75, HalfLife.moved(3, 5, 7));
        assertEquals(0.0, HalfLife.moved(Double.MAX_VALUE, 0, Long.MAX_VALUE));
        VectorSum sum = new VectorSum(1, 1);
        sum.add(0, 8);
        VectorSum later = new VectorSum(1, 3);
        later.add(0, 1);
        sum.merge(later);
        assertEquals(3, sum.instant());
        assertEquals(3.0, sum.total(0));
        later.merge(new VectorSum(1, 1));
        assertEquals(1.0, later.total(0));
    }

    @Test
    void categoriesAreHashedAsTheReferenceDoes() {
        assertEquals(0xEFD01F60BA992926L, Texts.hash(new byte[0]));
        assertEquals(0x82A2A958A9BECE5BL, Texts.hash("a".getBytes(StandardCharsets.UTF_8)));
        assertEquals(0x33F2BC3A64CFFCB0L, Texts.hash("gr\u00fcn".getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void quantilesOfManyValuesAreNearInRank() {
        Quantiles quantiles = new Quantiles();
        for (int i = 0; i < 100_000; i++) {
            quantiles.add(i * 7919L % 100_000);
        }
        assertEquals(50_000, quantiles.quantile(0.5), 3_500);
        assertEquals(99_000, quantiles.quantile(0.99), 3_500);
    }

    @Test
    void theEmptyTextIsAValueOfASketchToo() {
        Hll hll = new Hll(12);
        hll.add(new byte[0]);
        hll.add(text(1));
        hll.add(new byte[0]);
        assertEquals(2, hll.estimate(), 0.01);
    }

    @Test
    void anAccumulatorOfOneValueIsSmall() throws IOException {
        Hll hll = new Hll(12);
        hll.add(1);
        Quantiles quantiles = new Quantiles();
        quantiles.add(1);
        for (Accumulator small : List.of(hll, quantiles)) {
            assertEquals(true, bytes(small).length < 64, small.getClass().getSimpleName());
        }
    }

    private static EventList.Entry entry(int i) {
        // Several events of one time, so that ids decide; several of one value.
        byte[] id = text(i * 31 % 997);
        return new EventList.Entry(new EventOrder(i / 3, id, 0, 0, i, 0), 0, text(i % 11));
    }

    private static Object entries(EventList list) {
        List<String> entries = new ArrayList<>();
        for (int i = 0; i < list.size(); i++) {
            EventList.Entry entry = list.entry(i);
            entries.add(entry.order().offset() + "=" + new String(entry.blob(), StandardCharsets.UTF_8));
        }
        return entries;
    }

    private static Object map(TextMap map) {
        List<String> entries = new ArrayList<>();
        for (int i = 0; i < map.size(); i++) {
            entries.add(new String(map.key(i), StandardCharsets.UTF_8) + "=" + map.number(i));
        }
        return entries;
    }

    private static byte[] text(int i) {
        return ("text " + i).getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] bytes(Object object) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        TileObjects.write(object, new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    private static DataInputStream in(byte[] bytes) {
        return new DataInputStream(new ByteArrayInputStream(bytes));
    }
}
