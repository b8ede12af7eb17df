"""The agent: networks, noise, losses and updates; it knows nothing of logs or environments."""
