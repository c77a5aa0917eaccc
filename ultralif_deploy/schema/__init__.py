"""What report.json and certificate.json hold, and what commands print with --json, as types.

A key's type says its unit (`values`), and the text beside it says what it is. The JSON Schemas in
this folder are made from these types: python examples/report_schema.py
"""
