"""Reports: report.json, report.html, the terminal, and the comparison of two reports."""
