"""snnTorch modules -> Network, compared with the module before it is returned."""
