"""The platform's side: brokered registries as a fleet's run sees any other registry."""
