"""Steps of the commands that take long or stand on several rooms."""
