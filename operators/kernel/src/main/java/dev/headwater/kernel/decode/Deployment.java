package dev.headwater.kernel.decode;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/** What the operators must be told of the world around them, beside the plan: pipelines/deployment.py writes it. */
record Deployment(RegistryAccess registry, long unknownSchemaWaitMs, int letterCapBytes) {

    /** Reads the JSON text. Throws IllegalArgumentException if a field is missing. */
    static Deployment parse(String json) {
        try {
            JsonNode node = new ObjectMapper().readTree(json);
            return new Deployment(
                    RegistryAccess.parse(node),
                    node.required("unknown_schema_wait_ms").asLong(),
                    node.required("dead_letter_cap_bytes").asInt());
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("the deployment is not JSON: " + e.getOriginalMessage(), e);
        }
    }
}
