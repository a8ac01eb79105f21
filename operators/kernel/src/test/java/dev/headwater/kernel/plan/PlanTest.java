package dev.headwater.kernel.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.headwater.kernel.harness.PlanBuilder;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlanTest {
    private static final Plan PLAN = new PlanBuilder()
            .column("amount", "double", true)
            .window("5m", Duration.ofMinutes(5), Duration.ofSeconds(10))
            .feature("sum", 0, "double")
            .feature("count", null, "long")
            .build();

    @Test
    void aPlanSaysWhatItsJsonSays() {
        assertEquals("test_view", PLAN.view());
        assertEquals(List.of(new Plan.Column("amount", ColumnType.DOUBLE, true, 0)), PLAN.columns());
        assertEquals(List.of(new Window.Sliding("5m", 10_000, 300_000, 0)), PLAN.windows());
        Plan.Feature sum = PLAN.features().get(0);
        assertEquals(
                new Plan.Feature("f0", "sum", 0, 0, ValueType.DOUBLE, -1, List.of(), -1, 0, false, 0, 0, 0, 0), sum);
        assertEquals(-1, PLAN.features().get(1).column());
        Plan.Source source = PLAN.sources().get(0);
        assertEquals("events", source.topic());
        assertEquals(List.of(new Plan.Input(List.of("user"), "")), source.key());
        assertEquals(List.of("at"), source.eventTimePath());
        assertEquals(true, source.eventTimeInMicros());
        assertEquals(List.of(new Plan.Input(List.of("amount"), "")), source.columns());
        assertEquals(310_000, PLAN.reachMs());
        assertEquals(new Plan.Output("late", "late-value"), PLAN.late());
    }

    @Test
    void aPlanTravelsWithTheJob() throws IOException, ClassNotFoundException {
        Plan travelled = InstantiationUtil.clone(PLAN);
        assertEquals(PLAN, travelled);
        assertEquals(PLAN.features(), travelled.features());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"format\":2 | \"format\":1 | plan.format: this kernel reads format 2",
                "\"column\":0 | \"column\":1 | plan.features[0].column: there is no number 1",
                "\"length_ms\":300000 | \"length_ms\":300500 "
                        + "| plan.windows[0].length_ms: a positive number of whole seconds is needed",
                "\"reach_ms\":310000 | \"reach_ms\":300000 | plan.reach_ms: the windows reach 310000 ms",
                "\"unit\":\"us\" | \"unit\":\"s\" | plan.sources[0].event_time.unit: there is no 's'",
                "\"nullable\":true | \"nullable\":1 | plan.columns[0].nullable: true or false is needed",
                "\"type\":\"double\",\"nullable\" | \"type\":\"float\",\"nullable\" "
                        + "| plan.columns[0].type: unknown type 'float'",
                "\"view\":\"test_view\", | '' | plan.view: is missing",
                "\"partitions\":4 | \"partitions\":0 | plan.log.partitions: must be positive"
            })
    void aMistakeIsNamedByItsField(String present, String instead, String message) {
        String json = PLAN.json();
        String wrong = json.replace(present, instead == null ? "" : instead);
        PlanException refused = assertThrows(PlanException.class, () -> Plan.parse(wrong));
        assertEquals(message, refused.getMessage());
    }

    @Test
    void whatIsNotJsonIsNoPlan() {
        assertThrows(PlanException.class, () -> Plan.parse("{"));
    }
}
