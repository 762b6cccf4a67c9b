"""The figures as files: CSV, a workbook, and the monthly report as PDF."""
