package dev.headwater.kernel.decode;

import dev.headwater.kernel.expression.Expression;

/** Where one value of an event is found: in a slot, which decoding fills, or else this expression, unless it is null. */
record Binding(String name, int slot, Expression expression) {}
