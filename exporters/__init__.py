"""Exporters of integer programs. Each refuses what its target cannot express exactly."""
