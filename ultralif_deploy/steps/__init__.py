"""Steps of the commands that take long or combine several packages."""
