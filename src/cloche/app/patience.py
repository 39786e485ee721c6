"""How long things are given, by servers and commands alike."""

from datetime import timedelta

LEFTOVER = 2.0  # seconds at the end for transfers that no client waits for: they can be resumed
SWEEP_AGE = timedelta(hours=24)  # of what may still be resumed, or be about to get its row
