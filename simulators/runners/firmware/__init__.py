"""Exported C, cross-compiled for microcontrollers and run in an emulator."""
