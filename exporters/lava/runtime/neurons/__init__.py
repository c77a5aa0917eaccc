"""Lava processes of spiking populations that stock neurons cannot express, and their models.

Lava executes every module of this folder when it looks for models: nothing else belongs here.
"""
