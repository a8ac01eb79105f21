"""What a change of a feature view means for the state, the log and the values that it has already."""
