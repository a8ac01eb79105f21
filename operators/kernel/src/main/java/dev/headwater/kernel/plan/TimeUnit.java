package dev.headwater.kernel.plan;

/** In which unit a number tells the time since the epoch. */
public enum TimeUnit {
    MS,
    US
}
