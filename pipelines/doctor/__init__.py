"""Looks at an environment before anything is deployed into it: what works, what will not, and how to mend it."""
