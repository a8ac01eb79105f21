package dev.headwater.kernel.commit;

/**
 * What a sink is about to commit, with one record of it.
 *
 * @param witness null if it was written by a version that kept none
 */
public record Witnessed<C>(C committable, Witness witness) {}
