"""Drawings as SVG: charts, curves, rasters and diagrams."""
