package dev.headwater.kernel.decode;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which slot each named path of the reader schema fills, as a tree of field names, and which array is exploded: its
 * elements stand in its place. Equal paths share a slot.
 */
final class Targets {
    static final Targets NONE = new Targets();
    private static final int NO_SLOT = -1;

    private final Map<String, Targets> children;
    private int slot = NO_SLOT;
    private boolean exploded;

    Targets() {
        this(new LinkedHashMap<>());
    }

    private Targets(Map<String, Targets> children) {
        this.children = children;
    }

    /** Returns the slot of this path: the one it has, or else {@code next}, which is then taken. */
    int add(List<String> path, int next) {
        Targets node = node(path);
        if (node.slot == NO_SLOT) {
            node.slot = next;
        }
        return node.slot;
    }

    /** The array at this path is exploded. */
    void explode(List<String> path) {
        node(path).exploded = true;
    }

    boolean isExploded() {
        return exploded;
    }

    /** What the elements of this exploded array fill. */
    Targets elements() {
        Targets elements = new Targets(children);
        elements.slot = slot;
        return elements;
    }

    boolean hasSlot() {
        return slot != NO_SLOT;
    }

    Targets child(String name) {
        return children.getOrDefault(name, NONE);
    }

    boolean isEmpty() {
        return slot == NO_SLOT && children.isEmpty() && !exploded;
    }

    /** The slot that ends here. Throws if the path goes on: then the reader schema has no record where the plan does. */
    int slot() {
        if (slot == NO_SLOT) {
            throw new IllegalStateException("the plan's path goes on to " + children.keySet() + " below a primitive");
        }
        return slot;
    }

    private Targets node(List<String> path) {
        Targets node = this;
        for (String name : path) {
            node = node.children.computeIfAbsent(name, key -> new Targets());
        }
        return node;
    }
}
