"""What is to be deployed: settings with their origins, data, encoder, network."""
