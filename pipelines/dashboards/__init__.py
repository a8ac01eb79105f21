"""Grafana's dashboards as code; what it writes lies in the chart and for compose.

It needs the development environment: whoever looks at the dashboards needs none of it.
"""
