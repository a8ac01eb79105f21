package dev.headwater.kernel.decode;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Which slot each named path of the reader schema fills, as a tree of field names. Equal paths share a slot. */
final class Targets {
    static final Targets NONE = new Targets();
    private static final int NO_SLOT = -1;

    private final Map<String, Targets> children = new LinkedHashMap<>();
    private int slot = NO_SLOT;

    /** Returns the slot of this path: the one it has, or else {@code next}, which is then taken. */
    int add(List<String> path, int next) {
        Targets node = this;
        for (String name : path) {
            node = node.children.computeIfAbsent(name, key -> new Targets());
        }
        if (node.slot == NO_SLOT) {
            node.slot = next;
        }
        return node.slot;
    }

    Targets child(String name) {
        return children.getOrDefault(name, NONE);
    }

    boolean isEmpty() {
        return slot == NO_SLOT && children.isEmpty();
    }

    /** The slot that ends here. Throws if the path goes on: then the reader schema has no record where the plan does. */
    int slot() {
        if (slot == NO_SLOT) {
            throw new IllegalStateException("the plan's path goes on to " + children.keySet() + " below a primitive");
        }
        return slot;
    }
}
