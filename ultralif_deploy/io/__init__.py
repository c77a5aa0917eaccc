"""Files and terminals: whole files, safe archives, printable text, progress."""
