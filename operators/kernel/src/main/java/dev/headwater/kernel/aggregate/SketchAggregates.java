package dev.headwater.kernel.aggregate;

import static dev.headwater.kernel.aggregate.Aggregates.require;
import static dev.headwater.kernel.aggregate.Aggregates.requireType;

import dev.headwater.kernel.accumulator.Categories;
import dev.headwater.kernel.accumulator.DistinctValues;
import dev.headwater.kernel.accumulator.Frequencies;
import dev.headwater.kernel.accumulator.Hll;
import dev.headwater.kernel.accumulator.Quantiles;
import dev.headwater.kernel.accumulator.TextMap;
import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.ValueType;
import java.util.EnumSet;
import java.util.Set;

/** What would take a place for each value if it were all kept: distinct values, quantiles, and counts by value. */
final class SketchAggregates {
    private static final ValueType LONGS_BY_TEXT = new ValueType(ValueType.Shape.MAP, ColumnType.LONG);
    private static final ValueType DOUBLES_BY_TEXT = new ValueType(ValueType.Shape.MAP, ColumnType.DOUBLE);
    private static final Set<ColumnType> KEYS =
            EnumSet.of(ColumnType.STRING, ColumnType.BYTES, ColumnType.BOOLEAN, ColumnType.LONG);

    private SketchAggregates() {}

    static Output distinct(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.LONG);
        requirePrecision(feature);
        DistinctCell cell = cells.distinct(feature.column(), feature.limit(), feature.precision());
        return (tiles, tile, values, f) -> {
            DistinctValues distinct = cell.in(tiles, tile);
            values.setNumber(f, distinct == null ? 0 : distinct.estimate());
        };
    }

    static Output distinctSketch(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.BYTES);
        requirePrecision(feature);
        HllCell cell = cells.hll(feature.column(), feature.precision());
        return (tiles, tile, values, f) -> {
            Hll hll = cell.in(tiles, tile);
            if (hll == null) {
                values.setNull(f);
            } else {
                values.setBlob(f, hll.sketch());
            }
        };
    }

    static Output quantile(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.DOUBLE);
        require(feature.fraction() > 0 && feature.fraction() < 1, feature, "a fraction");
        QuantilesCell cell = cells.quantiles(feature.column());
        double fraction = feature.fraction();
        return (tiles, tile, values, f) -> {
            Quantiles quantiles = cell.in(tiles, tile);
            if (quantiles == null) {
                values.setNull(f);
            } else {
                values.setDecimal(f, quantiles.quantile(fraction));
            }
        };
    }

    static Output quantileSketch(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.BYTES);
        QuantilesCell cell = cells.quantiles(feature.column());
        return (tiles, tile, values, f) -> {
            Quantiles quantiles = cell.in(tiles, tile);
            if (quantiles == null) {
                values.setNull(f);
            } else {
                values.setBlob(f, quantiles.sketch());
            }
        };
    }

    /** Weights that are doubles are added up as whole numbers of units, {@code 10^weightScale} to a 1. */
    static Output topK(Plan.Feature feature, Cells cells) {
        requireKeys(feature, cells);
        require(feature.limit() > 0, feature, "a limit");
        boolean decimal = feature.weight() >= 0 && cells.isDecimal(feature.weight());
        requireType(feature, decimal ? DOUBLES_BY_TEXT : LONGS_BY_TEXT);
        int scale = decimal ? feature.weightScale() : 0;
        FrequenciesCell cell = cells.frequencies(feature.column(), feature.weight(), scale);
        double unitsOfOne = Cells.unitsOfOne(scale);
        int limit = feature.limit();
        return (tiles, tile, values, f) -> {
            Frequencies frequencies = cell.in(tiles, tile);
            TextMap heaviest = frequencies == null ? null : frequencies.heaviest(limit);
            if (heaviest == null || heaviest.size() == 0) {
                values.setNull(f);
            } else {
                values.setMap(f, decimal ? heaviest.dividedBy(unitsOfOne) : heaviest);
            }
        };
    }

    static Output counts(Plan.Feature feature, Cells cells) {
        requireKeys(feature, cells);
        requireType(feature, LONGS_BY_TEXT);
        require(feature.limit() > 0, feature, "a limit");
        CategoriesCell cell = cells.categories(feature.column(), feature.limit());
        return (tiles, tile, values, f) -> {
            Categories categories = cell.in(tiles, tile);
            if (categories == null) {
                values.setNull(f);
            } else {
                values.setMap(f, categories.counts());
            }
        };
    }

    private static void requirePrecision(Plan.Feature feature) {
        require(feature.precision() >= 4 && feature.precision() <= 21, feature, "a precision from 4 to 21");
    }

    private static void requireKeys(Plan.Feature feature, Cells cells) {
        require(KEYS.contains(cells.type(feature.column())), feature, "a column of " + KEYS);
    }
}
