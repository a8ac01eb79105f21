"""The process that looks at the whole: whether the stores agree, what values look like, and what a reader sees."""
