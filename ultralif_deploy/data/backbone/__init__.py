"""A float network in front of the spiking one: images become features, which are its inputs."""
