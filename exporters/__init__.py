"""Exporters of integer programs; each refuses what its target cannot express exactly."""
