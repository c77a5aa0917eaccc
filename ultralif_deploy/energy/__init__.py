"""Energy: events first (`simulators.trace`), joules after, from devices described as data."""
