"""Lava processes of spiking populations that stock neurons cannot express, and their models.

Lava runs every module of this folder when it looks for models, so nothing else belongs here.
"""
