"""Measurements. Each gives figures with their conditions, of results that were compared with the reference first."""
