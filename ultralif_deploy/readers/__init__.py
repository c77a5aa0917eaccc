"""Networks from elsewhere: each reader makes a `Network`."""
