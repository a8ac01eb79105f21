"""Alerts and error budgets, made from plans."""
