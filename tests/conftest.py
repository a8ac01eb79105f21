"""Fixtures for all tests; those that start processes are in `tests/integration/conftest.py`."""
