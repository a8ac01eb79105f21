"""The same windows, computed by other stream processors on the same topic: one small file each."""
